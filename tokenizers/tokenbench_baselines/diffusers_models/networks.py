"""Image networks of the diffusers library: class, published arguments and what follows from them. Costs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Network:
    """A class of the library and its arguments.

    Args:
        class_name: of the library.
        config: arguments as published, complete for random weights.
        factor: pixels that a token stands for, along height and width.
        latent_channels: values of a token; None where it is a code.
        vocabulary: codes; None where there are none.
        parameters: of encoder and decoder together.
        source: what defines it; [U] where the arguments are not verified.
        multiple: of pixels, that sizes must be of; 0 for `factor`.
    """

    class_name: str
    config: Mapping[str, Any]
    factor: int = 8
    latent_channels: int | None = None
    vocabulary: int | None = None
    parameters: int
    source: str
    multiple: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "multiple", self.multiple or self.factor)


def _kl(latent_channels: int, parameters: int, *, quant_convs: bool) -> Network:
    """Latent diffusion's VAE, which Stable Diffusion and FLUX have."""
    return Network(
        class_name="AutoencoderKL",
        config={
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "block_out_channels": [128, 256, 512, 512],
            "layers_per_block": 2,
            "latent_channels": latent_channels,
            "use_quant_conv": quant_convs,
            "use_post_quant_conv": quant_convs,
        },
        latent_channels=latent_channels,
        parameters=parameters,
        source="arXiv 2112.10752; diffusers AutoencoderKL",
    )


def _asymmetric(widths: list[int], layers: int, parameters: int) -> Network:
    return Network(
        class_name="AsymmetricAutoencoderKL",
        config={
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "down_block_out_channels": [128, 256, 512, 512],
            "layers_per_down_block": 2,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "up_block_out_channels": widths,
            "layers_per_up_block": layers,
            "latent_channels": 4,
        },
        latent_channels=4,
        parameters=parameters,
        source="arXiv 2306.04632; diffusers AsymmetricAutoencoderKL, arguments [U]",
    )


def _tiny(latent_channels: int, parameters: int) -> Network:
    return Network(
        class_name="AutoencoderTiny",
        config={"latent_channels": latent_channels},
        latent_channels=latent_channels,
        parameters=parameters,
        source="TAESD; diffusers AutoencoderTiny",
    )


_DC_SOURCE = "arXiv 2410.10733; diffusers AutoencoderDC, arguments [U]"


def _dc_ae(latent_channels: int, stages: int, parameters: int) -> Network:
    """Three stages of residual blocks, the others of linear attention."""
    deep = stages - 3
    blocks = ["ResBlock"] * 3 + ["EfficientViTBlock"] * deep
    widths = [128, 256, 512, 512, 1024, 1024, 2048, 2048][:stages]
    return Network(
        class_name="AutoencoderDC",
        config={
            "latent_channels": latent_channels,
            "encoder_block_types": blocks,
            "decoder_block_types": blocks,
            "encoder_block_out_channels": widths,
            "decoder_block_out_channels": widths,
            "encoder_layers_per_block": [0, 4, 8] + [2] * deep,
            "decoder_layers_per_block": [0, 5, 10] + [2] * deep,
            "encoder_qkv_multiscales": [[]] * stages,
            "decoder_qkv_multiscales": [[]] * stages,
            "decoder_norm_types": ["batch_norm"] * 3 + ["rms_norm"] * deep,
            "decoder_act_fns": ["relu"] * 3 + ["silu"] * deep,
        },
        factor=2 ** (stages - 1),
        latent_channels=latent_channels,
        parameters=parameters,
        source=_DC_SOURCE,
    )


KL_4 = _kl(4, 83_653_863, quant_convs=True)
KL_16 = _kl(16, 83_819_683, quant_convs=False)

# The class's defaults. Its pipelines fold latents 2 x 2, so that sizes are multiples of 16.
FLUX2 = Network(
    class_name="AutoencoderKLFlux2",
    config={"latent_channels": 32},
    latent_channels=32,
    parameters=84_046_115,
    source="diffusers AutoencoderKLFlux2",
    multiple=16,
)

ASYMMETRIC_15 = _asymmetric([192, 384, 768, 768], 3, 194_300_519)
ASYMMETRIC_20 = _asymmetric([256, 512, 1024, 1024], 5, 406_130_151)

TINY_4 = _tiny(4, 2_445_063)
TINY_16 = _tiny(16, 2_458_899)

# The class's defaults; it calls the channels "z_dim".
QWEN_IMAGE = Network(
    class_name="AutoencoderKLQwenImage",
    config={"z_dim": 16},
    latent_channels=16,
    parameters=126_892_531,
    source="arXiv 2508.02324; diffusers AutoencoderKLQwenImage",
)

DC_SANA = Network(
    class_name="AutoencoderDC",
    config={
        "latent_channels": 32,
        "encoder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
        "decoder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
        "downsample_block_type": "conv",
        "upsample_block_type": "interpolate",
    },
    factor=32,
    latent_channels=32,
    parameters=312_250_275,
    source=_DC_SOURCE,
)
DC_32 = _dc_ae(32, 6, 323_356_460)
DC_64 = _dc_ae(128, 7, 676_896_140)
DC_128 = _dc_ae(512, 8, 1_120_682_252)

MOVQ = Network(
    class_name="VQModel",
    config={
        "down_block_types": ["DownEncoderBlock2D"] * 3 + ["AttnDownEncoderBlock2D"],
        "up_block_types": ["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 3,
        "block_out_channels": [128, 256, 256, 512],
        "layers_per_block": 2,
        "latent_channels": 4,
        "vq_embed_dim": 4,
        "num_vq_embeddings": 16384,
        "norm_type": "spatial",
    },
    vocabulary=16384,
    parameters=67_832_495,
    source="arXiv 2209.09002; diffusers VQModel, arguments [U]",
)
AMUSED = Network(
    class_name="VQModel",
    config={
        "down_block_types": ["DownEncoderBlock2D"] * 5,
        "up_block_types": ["UpDecoderBlock2D"] * 5,
        "block_out_channels": [128, 256, 256, 512, 768],
        "layers_per_block": 2,
        "latent_channels": 64,
        "vq_embed_dim": 64,
        "num_vq_embeddings": 8192,
        "mid_block_add_attention": False,
        "lookup_from_codebook": True,
    },
    factor=16,
    vocabulary=8192,
    parameters=146_244_675,
    source="arXiv 2401.01808; diffusers VQModel, arguments [U]",
)
