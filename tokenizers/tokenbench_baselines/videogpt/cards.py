"""The released VQ-VAEs of VideoGPT. Importing this costs no torch."""

from __future__ import annotations

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel

VOCABULARY = 2048

# The codebook is no parameter: it followed moving averages.
_PARAMETERS = 21_141_619

# The released networks were trained on clips of so many frames.
_WINDOW = 16


def _card(name: str, checkpoint: str, compression: tuple[int, int, int], drive_id: str, trained_on: str) -> Card:
    time, height, width = compression
    return Card(
        info=TokenizerInfo(
            name=name,
            kind="discrete",
            compression=compression,
            vocabulary=VOCABULARY,
            bits_per_pixel=nominal_bits_per_pixel(compression, vocabulary=VOCABULARY),
            parameters=_PARAMETERS,
            license="MIT",
            weights=f"Google Drive: {checkpoint}.ckpt, drive.google.com/file/d/{drive_id}",
            source="arXiv 2104.10157; released with github.com/wilson1yan/VideoGPT",
            description=f"VideoGPT VQ-VAE: {VOCABULARY} codes, not causal, trained on {trained_on}",
            window=_WINDOW,
            padding=Padding(frames=(time, 0), size=(height, width)),
        ),
        factory="tokenbench_baselines.videogpt.tokenizer:load",
    )


CARDS = [
    _card(
        "videogpt-4x4x4",
        "kinetics_stride4x4x4",
        (4, 4, 4),
        "1DOvOZnFAIQmux6hG7pN_HkyJZy3lXbCB",
        "Kinetics, 16 x 128 x 128",
    ),
    _card(
        "videogpt-4x4x4-ucf101",
        "ucf101_stride4x4x4",
        (4, 4, 4),
        "1uuB_8WzHP_bbBmfuaIV7PK_Itl3DyHY5",
        "UCF-101, 16 x 128 x 128",
    ),
    _card(
        "videogpt-2x4x4",
        "kinetics_stride2x4x4",
        (2, 4, 4),
        "1jvtjjtrtE4cy6pl7DK_zWFEPY3RZt2pB",
        "Kinetics, 16 x 128 x 128",
    ),
    _card(
        "videogpt-4x2x2",
        "bair_stride4x2x2",
        (4, 2, 2),
        "1iIAYJ2Qqrx5Q94s5eIXQYJgAydzvT_8L",
        "BAIR robot pushing, 16 x 64 x 64",
    ),
]
