"""Cards of the discrete tokenizers whose networks are written out here. Importing this costs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource
from tokenbench_baselines.vq.config import CodebookConfig, FileLayout, LookupFreeConfig, Names

# Marks a licence that is commonly stated, but was not read on the page of the weights.
_UNVERIFIED = "[U]"

_F16, _F8 = (1, 1, 2, 2, 4), (1, 2, 2, 4)

_LLAMAGEN_NAMES = Names(down="conv_blocks", up="conv_blocks", block="res", middle=("0", "1", "2"), lowest_first=True)
_LLAMAGEN_FILE = FileLayout(containers=("ema", "model", "state_dict"), optional=("quantize.codebook_used",))
_LIGHTNING_FILE = FileLayout(dropped=("loss.",))
_AVERAGED_FILE = FileLayout(dropped=("loss.",), averaged=True)
_JANUS_FILE = FileLayout(prefixes=("model.vqmodel.",))


def _llamagen(multipliers: tuple[int, ...]) -> CodebookConfig:
    return CodebookConfig(
        multipliers=multipliers,
        codes=16384,
        code_width=8,
        lookup="cosine",
        attention_levels=(len(multipliers) - 1,),
        names=_LLAMAGEN_NAMES,
        usage=65536,
    )


# LlamaGen's network under VQGAN's names, though with its order of levels, and without the buffer.
_JANUS = CodebookConfig(
    multipliers=_F16,
    codes=16384,
    code_width=8,
    lookup="cosine",
    attention_levels=(4,),
    names=Names(lowest_first=True),
)


def _vqgan_f16(codes: int) -> CodebookConfig:
    return CodebookConfig(multipliers=_F16, codes=codes, code_width=256, attention_levels=(4,))


def _vqgan_f8(codes: int) -> CodebookConfig:
    return CodebookConfig(multipliers=_F8, codes=codes, code_width=4, z_channels=4, attention_levels=(3,))


def _ibq(codes: int) -> CodebookConfig:
    return CodebookConfig(
        multipliers=_F16,
        codes=codes,
        code_width=256,
        lookup="dot",
        attention_levels=(4,),
        encoder_blocks=4,
        decoder_blocks=5,
    )


_CHAMELEON = CodebookConfig(multipliers=_F16, codes=8192, code_width=256)


@dataclass(frozen=True)
class _Hub:
    """A file of a repository of the hub; further names are what it may be called too."""

    repository: str
    files: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"huggingface: {self.repository}"

    @property
    def source(self) -> HubSource:
        return HubSource(repository=self.repository, file_sets=tuple((file,) for file in self.files))


@dataclass(frozen=True)
class _Elsewhere:
    """Where to look for a file that is on no hub."""

    text: str


def _card(
    name: str,
    config: CodebookConfig | LookupFreeConfig,
    layout: FileLayout,
    origin: _Hub | _Elsewhere,
    *,
    parameters: int,
    license: str,
    source: str,
    description: str,
) -> Card:
    side = 2 ** (len(config.multipliers) - 1)
    video = isinstance(config, LookupFreeConfig) and config.video
    compression = (4 if video else 1, side, side)
    unverified = f"; {_UNVERIFIED}: the licence was not read on the page of the weights" * (_UNVERIFIED in license)
    # The project of Open-MAGVIT2 and IBQ centres images in multiples of 16, filled up with mid-grey.
    centred = layout.averaged and not video
    size = (16, 16) if centred else (side, side)
    return Card(
        info=TokenizerInfo(
            name=name,
            kind="discrete",
            modality="video" if video else "image",
            compression=compression,
            vocabulary=config.codes,
            bits_per_pixel=nominal_bits_per_pixel(compression, vocabulary=config.codes),
            parameters=parameters,
            license=license,
            weights=origin.text,
            source=source + unverified,
            description=description,
            padding=Padding(
                frames=(4, 1) if video else (1, 0), size=size, space="grey" if centred else "edge", centred=centred
            ),
        ),
        factory="tokenbench_baselines.vq.tokenizer:load",
        options={"config": config, "layout": layout},
        hub=origin.source if isinstance(origin, _Hub) else None,
    )


_LLAMAGEN_PAPER = "Sun et al. 2024, arXiv 2406.06525"
_VQGAN_PAPER = "Esser et al. 2021, arXiv 2012.09841"
_LDM_PAPER = "Rombach et al. 2022, arXiv 2112.10752"
_MAGVIT_PAPER = "Luo et al. 2024, arXiv 2409.04410"
_IBQ_PAPER = "Shi et al. 2024, arXiv 2412.02692"

_LLAMAGEN = [
    _card(
        f"llamagen-{size}",
        _llamagen(multipliers),
        _LLAMAGEN_FILE,
        _Hub(repository, (file,)),
        parameters=parameters,
        license="MIT",
        source=_LLAMAGEN_PAPER,
        description=f"LlamaGen image tokenizer, trained on {data}; 16384 codes of length 1",
    )
    for size, multipliers, repository, file, parameters, data in (
        ("8x8", _F8, "FoundationVision/LlamaGen", "vq_ds8_c2i.pt", 70_109_835, "ImageNet"),
        ("16x16", _F16, "FoundationVision/LlamaGen", "vq_ds16_c2i.pt", 71_883_403, "ImageNet"),
        ("16x16-t2i", _F16, "peizesun/llamagen_t2i", "vq_ds16_t2i.pt", 71_883_403, "captioned photographs"),
    )
]

_MAGVIT = [
    _card(
        f"open-magvit2-{suffix}",
        config,
        _AVERAGED_FILE,
        _Hub(f"TencentARC/Open-MAGVIT2-Tokenizer-{repository}", files),
        parameters=parameters,
        license="Apache-2.0",
        source=_MAGVIT_PAPER,
        description=f"Open-MAGVIT2 tokenizer, {what}; {config.bits} bits a token without a codebook",
    )
    for suffix, config, repository, files, parameters, what in (
        (
            "16x16",
            LookupFreeConfig(multipliers=_F16),
            "256-resolution",
            ("imagenet_256_L.ckpt",),
            115_127_829,
            "ImageNet at 256 pixels",
        ),
        (
            "8x8",
            LookupFreeConfig(multipliers=_F8),
            "128-resolution",
            ("imagenet_128_L.ckpt",),
            112_021_653,
            "ImageNet at 128 pixels",
        ),
        (
            "16x16-pretrain",
            LookupFreeConfig(multipliers=_F16),
            "262144-Pretrain",
            ("pretrain256_262144.ckpt",),
            115_127_829,
            "web images at 256 pixels",
        ),
        (
            "16x16-pretrain-16384",
            LookupFreeConfig(multipliers=_F16, bits=14),
            "16384-Pretrain",
            ("pretrain256_16384.ckpt",),
            115_094_033,
            "web images at 256 pixels",
        ),
        (
            "video-4x8x8",
            LookupFreeConfig(multipliers=_F8, video=True),
            "262144-Video",
            ("video_128_262144.ckpt", "ucf101_lfqgan_128_262144.ckpt"),
            370_547_349,
            "UCF-101, 17 frames at 128 pixels",
        ),
    )
]

_VQGAN = [
    _card(
        name,
        config,
        _LIGHTNING_FILE,
        _Elsewhere(f"the checkpoint {model}, linked in the README of github.com/CompVis/{project}"),
        parameters=parameters,
        license=f"MIT {_UNVERIFIED}",
        source=paper,
        description=f"VQGAN image tokenizer; {config.codes} codes",
    )
    for name, config, project, model, paper, parameters in (
        (
            "vqgan-f16-16384",
            _vqgan_f16(16384),
            "taming-transformers",
            "vqgan_imagenet_f16_16384",
            _VQGAN_PAPER,
            76_073_859,
        ),
        (
            "vqgan-f16-1024",
            _vqgan_f16(1024),
            "taming-transformers",
            "vqgan_imagenet_f16_1024",
            _VQGAN_PAPER,
            72_141_699,
        ),
        ("vqgan-f8-16384", _vqgan_f8(16384), "latent-diffusion", "vq-f8", _LDM_PAPER, 67_717_295),
        ("vqgan-f8-256", _vqgan_f8(256), "latent-diffusion", "vq-f8-n256", _LDM_PAPER, 67_652_783),
    )
]

_IBQ = [
    _card(
        f"ibq-{codes}",
        _ibq(codes),
        _AVERAGED_FILE,
        _Hub(f"TencentARC/IBQ-Tokenizer-{codes}", (f"imagenet256_{codes}.ckpt",)),
        parameters=parameters,
        license=f"Apache-2.0 {_UNVERIFIED}",
        source=_IBQ_PAPER,
        description=f"IBQ image tokenizer; {codes} codes",
    )
    for codes, parameters in (
        (1024, 107_049_859),
        (8192, 108_884_867),
        (16384, 110_982_019),
        (262144, 173_896_579),
    )
]

_JANUS_CARD = _card(
    "janus-16x16",
    _JANUS,
    _JANUS_FILE,
    _Hub("deepseek-community/Janus-Pro-1B", ("model.safetensors",)),
    parameters=71_883_403,
    license=f"DeepSeek Model License {_UNVERIFIED}",
    source="Chen et al. 2025, arXiv 2501.17811",
    description="Janus-Pro image tokenizer, a LlamaGen network; 16384 codes of length 1",
)

_CHAMELEON_CARD = _card(
    "chameleon-16x16",
    _CHAMELEON,
    _LIGHTNING_FILE,
    _Elsewhere("vqgan.ckpt in the tokenizer folder of the original Chameleon release"),
    parameters=68_718_467,
    license=f"Chameleon Research License {_UNVERIFIED}",
    source="Chameleon Team 2024, arXiv 2405.09818",
    description="Chameleon image tokenizer, a VQGAN without attention in its levels; 8192 codes",
)

CARDS: list[Card] = [*_LLAMAGEN, *_MAGVIT, *_VQGAN, *_IBQ, _JANUS_CARD, _CHAMELEON_CARD]
