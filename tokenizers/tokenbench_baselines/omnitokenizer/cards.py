"""The released OmniTokenizer networks for video. Importing this costs no torch."""

from __future__ import annotations

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource

REPOSITORY = "Daniel0724/OmniTokenizer"
COMPRESSION = (4, 8, 8)
VOCABULARY, LATENT_CHANNELS = 8192, 8

# The codebook is no parameter: it followed moving averages. What released networks own and do not use is counted.
_PARAMETERS = {"vq": 53_708_440, "vae": 53_712_544}

# The released networks were trained on clips of so many frames.
_WINDOW = 17

# The network takes squares of a multiple of 64. Frames of a multiple of 128 divide into squares of at least 128, where
# 64 could leave 17 x 30 of the smallest: 1080 rows become 1152 instead of 1088.
_MULTIPLE = 128

SWITCHES = {
    "tile": "longest side of the squares that a frame is cut into, in pixels: a multiple of 64 up to 1024 (384)"
}


def _card(kind: str, checkpoint: str, trained_on: str, suffix: str = "", remark: str = "") -> Card:
    vocabulary = VOCABULARY if kind == "vq" else None
    channels = None if kind == "vq" else LATENT_CHANNELS
    return Card(
        info=TokenizerInfo(
            name=f"omnitokenizer-{kind}-4x8x8{suffix}",
            kind="discrete" if vocabulary else "continuous",
            compression=COMPRESSION,
            vocabulary=vocabulary,
            latent_channels=channels,
            bits_per_pixel=nominal_bits_per_pixel(COMPRESSION, latent_channels=channels, vocabulary=vocabulary),
            parameters=_PARAMETERS[kind],
            license="MIT",
            weights=f"huggingface: {REPOSITORY}, {checkpoint}",
            source=f"arXiv 2406.09399{remark}",
            description=(
                f"OmniTokenizer, {f'{vocabulary} codes' if vocabulary else f'{channels} latent channels'}, "
                f"trained on ImageNet and {trained_on}; frames are cut into squares"
            ),
            window=_WINDOW,
            padding=Padding(frames=(4, 1), size=(_MULTIPLE, _MULTIPLE)),
        ),
        factory="tokenbench_baselines.omnitokenizer.tokenizer:load",
        switches=SWITCHES,
        hub=HubSource(repository=REPOSITORY, file_sets=((checkpoint,),)),
    )


_BY_PATTERN = "; [U] unverified: the file's name follows the others of its repository"

CARDS = [
    _card("vae", "imagenet_k600_vae.ckpt", "Kinetics-600"),
    _card("vae", "imagenet_ucf_vae.ckpt", "UCF-101", "-ucf"),
    _card("vq", "imagenet_k600.ckpt", "Kinetics-600"),
    _card("vq", "imagenet_ucf.ckpt", "UCF-101", "-ucf", _BY_PATTERN),
    _card("vq", "imagenet_mit.ckpt", "Moments in Time", "-mit", _BY_PATTERN),
    _card("vq", "imagenet_sthv2.ckpt", "Something-Something v2", "-sthv2", _BY_PATTERN),
]
