"""Cards of the bundled baselines. Importing them costs no torch."""

from __future__ import annotations

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel

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


def _linear(name: str, compression: tuple[int, int, int], source: str, description: str) -> Card:
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
            source=source,
            description=description,
            padding=Padding(frames=(frames, 1 % frames), size=(height, width)),
        ),
        factory=f"tokenbench_baselines.{name.partition('-')[0]}:load",
    )


def _video_codec(
    name: str, encoder: str, decoder: str, options: dict[str, str], license: str, description: str
) -> Card:
    return Card(
        info=TokenizerInfo(
            name=name,
            kind="codec",
            license=license,
            source=f"FFmpeg {encoder} through PyAV",
            description=description,
        ),
        factory="tokenbench_baselines.codecs:VideoCodec",
        options={"encoder": encoder, "decoder": decoder, "encoder_options": options},
    )


_CODECS = [
    # Thread counts are fixed because they change the bits written; x264 repeats itself with one thread alone.
    _video_codec(
        "h264-crf23",
        "libx264",
        "h264",
        {"crf": "23", "preset": "medium", "threads": "1"},
        "GPL-2.0-or-later",
        "H.264, x264 preset medium at its default quality",
    ),
    _video_codec(
        "h265-crf28",
        "libx265",
        "hevc",
        {"crf": "28", "preset": "medium", "x265-params": "log-level=error:frame-threads=2:pools=2"},
        "GPL-2.0-or-later",
        "H.265, x265 preset medium at its default quality",
    ),
    _video_codec(
        "av1-crf35",
        "libsvtav1",
        "libdav1d",
        {"crf": "35", "preset": "8"},
        "BSD-3-Clause-Clear",
        "AV1, SVT-AV1 preset 8 at its default quality",
    ),
]

_JPEG = Card(
    info=TokenizerInfo(
        name="jpeg-q75",
        kind="codec",
        modality="image",
        license="IJG",
        source="libjpeg-turbo through Pillow",
        description="JPEG, quality 75, 4:2:0; every frame of a video alone",
    ),
    factory="tokenbench_baselines.jpeg:Jpeg",
    options={"quality": 75},
)

CARDS = [
    _IDENTITY,
    _linear("haar-4x8x8", (4, 8, 8), _HAAR, "2-level 3-D Haar transform, 16 coefficients kept of 768 a token"),
    _linear("haar-8x8", (1, 8, 8), _HAAR, "2-level Haar transform, 16 coefficients kept of 192 a token"),
    _linear("klt-4x8x8", (4, 8, 8), _KLT, "the 16 principal components of 4 x 8 x 8 patches of real videos"),
    _linear("klt-8x8", (1, 8, 8), _KLT, "the 16 principal components of 8 x 8 patches of photographs"),
    *_CODECS,
    _JPEG,
]
