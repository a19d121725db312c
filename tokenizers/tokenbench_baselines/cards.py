"""Cards of the bundled baselines. Importing them costs no torch."""

from __future__ import annotations

from tokenbench.tokenizer import IN_PACKAGE, Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench_baselines.codecs.cards import CARDS as CODECS
from tokenbench_baselines.diffusers_models.cards import CARDS as DIFFUSERS_IMAGE
from tokenbench_baselines.diffusers_models.video_cards import CARDS as DIFFUSERS_VIDEO
from tokenbench_baselines.emu3.cards import CARDS as EMU3
from tokenbench_baselines.omnitokenizer.cards import CARDS as OMNITOKENIZER
from tokenbench_baselines.videogpt.cards import CARDS as VIDEOGPT
from tokenbench_baselines.vq.cards import CARDS as VQ

_RGB_BITS = 24.0

_HAAR = "arXiv 2501.03575, section 4.1 (the wavelet front end alone)"
_KLT = "principal components of patches (Karhunen-Loeve transform)"

_IDENTITY = Card(
    info=TokenizerInfo(
        name="identity",
        kind="continuous",
        compression=(1, 1, 1),
        latent_channels=3,
        bits_per_pixel=_RGB_BITS,
        license="Apache-2.0",
        source="8-bit RGB itself",
        description="the ceiling: what 8-bit rounding and the chosen storage leave of a perfect tokenizer",
    ),
    factory="tokenbench_baselines.identity:Identity",
)


def _linear(name: str, compression: tuple[int, int, int], source: str, description: str, weights: str = "none") -> Card:
    frames, height, width = compression
    return Card(
        info=TokenizerInfo(
            name=name,
            kind="continuous",
            modality="video" if frames > 1 else "image",
            compression=compression,
            latent_channels=16,
            bits_per_pixel=nominal_bits_per_pixel(compression, latent_channels=16),
            license="Apache-2.0",
            weights=weights,
            source=source,
            description=description,
            padding=Padding(frames=(frames, 1 % frames), size=(height, width)),
        ),
        factory=f"tokenbench_baselines.{name.partition('-')[0]}:load",
    )


CARDS = [
    _IDENTITY,
    _linear("haar-4x8x8", (4, 8, 8), _HAAR, "2-level 3-D Haar transform, 16 coefficients kept of 768 a token"),
    _linear("haar-8x8", (1, 8, 8), _HAAR, "2-level Haar transform, 16 coefficients kept of 192 a token"),
    _linear(
        "klt-4x8x8", (4, 8, 8), _KLT, "the 16 principal components of 4 x 8 x 8 patches of real videos", IN_PACKAGE
    ),
    _linear("klt-8x8", (1, 8, 8), _KLT, "the 16 principal components of 8 x 8 patches of photographs", IN_PACKAGE),
    *CODECS,
    *DIFFUSERS_IMAGE,
    *DIFFUSERS_VIDEO,
    *EMU3,
    *OMNITOKENIZER,
    *VIDEOGPT,
    *VQ,
]
