"""The Cosmos tokenizers that are registered. Importing this costs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from tokenbench.tokenizer import IN_PACKAGE, Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource
from tokenbench_cosmos.config import FSQ_LEVELS, CosmosConfig

# The command line tools behind the published numbers pad to these whatever the variant.
OFFICIAL_VIDEO_PADDING = Padding(frames=(8, 1), size=(16, 16), space="black", centred=True)
OFFICIAL_IMAGE_PADDING = Padding(size=(16, 16), space="black", centred=True)

# Default of the same tools, also for networks that were trained on longer clips.
OFFICIAL_WINDOW = 17

# What a folder may hold, best first. The releases have the first two sets; the last of their series also the third.
FILE_SETS = (("autoencoder.jit",), ("encoder.jit", "decoder.jit"), ("model.pt",), ("autoencoder.safetensors",))

# The weights that come with this package, in folders named after their tokenizers.
SHIPPED = Path(__file__).parent / "weights"

SWITCHES = {
    "groups": "groups of every normalisation, where the file does not show them: 32 or 1",
    "wavelet": "filter tap: 'file' (as stored), 'exact' (1/sqrt(2)) or 'bfloat16' (0.70703125)",
    "legacy_upsampling": "true: double time one level earlier, as networks trained before September 2024 do",
}


@dataclass(frozen=True)
class _Series:
    """Networks that were released together.

    Args:
        name: in front of the tokenizers' names.
        repository: pattern of the repositories' names; {} stands for the variant.
        suffix: behind the tokenizers' names.
        low_resolution: patches of 2 pixels instead of 4, so that one more halving is learned on every axis.
    """

    name: str
    repository: str
    suffix: str = ""
    low_resolution: bool = False


_FIRST = _Series("cosmos", "nvidia/Cosmos-0.1-Tokenizer-{}")
_SECOND = _Series("cosmos1", "nvidia/Cosmos-1.0-Tokenizer-{}")
_THIRD = _Series("cosmos-tokenize1", "nvidia/Cosmos-Tokenize1-{}-360p", suffix="-360p", low_resolution=True)

# Series, variant, parameters, and the first digits of the newest commit that is known; None where none is.
_RELEASES = (
    (_FIRST, "CI8x8", 76_789_472, None),
    (_FIRST, "CI16x16", 81_509_088, "28c7999"),
    (_FIRST, "DI8x8", 79_004_342, "31cb88c"),
    (_FIRST, "DI16x16", 83_723_958, "6373cfd"),
    (_FIRST, "CV4x8x8", 73_192_128, "ff86a2c"),
    (_FIRST, "CV8x8x8", 105_653_696, "b20bc77"),
    (_FIRST, "CV8x16x16", 110_898_624, "12915ce"),
    (_FIRST, "DV4x8x8", 104_669_558, None),
    (_FIRST, "DV8x8x8", 105_653_366, None),
    (_FIRST, "DV8x16x16", 110_898_294, None),
    (_SECOND, "CV8x8x8", 105_653_696, None),
    (_SECOND, "DV8x16x16", 110_898_294, None),
    (_THIRD, "CI8x8", 81_384_636, None),
    (_THIRD, "CI16x16", 84_334_524, None),
    (_THIRD, "DI8x8", 83_599_506, None),
    (_THIRD, "DI16x16", 86_549_394, None),
    (_THIRD, "CV4x8x8", 110_208_816, None),
    (_THIRD, "DV4x8x8", 112_619_766, None),
)

# Narrow networks with weights in this package, trained by its recipes of the same names: variant, channels, what the
# finest level has in units of them, and parameters.
_MINI = (
    ("CI8x8", 27, 3, 3_852_941),
    ("DI8x8", 24, 2, 2_756_846),
    ("CV4x8x8", 24, 2, 2_814_912),
    ("DV4x8x8", 24, 2, 3_924_342),
)


def _config(series: _Series, variant: str) -> CosmosConfig:
    """The network of a variant, such as "DV8x16x16": kind, modality, compression."""
    discrete, video = variant[0] == "D", variant[1] == "V"
    factors = [int(factor) for factor in variant[2:].split("x")]
    time, height, width = factors if video else [1, *factors]
    # Wide where the image network of the series is: one was to start from the other's weights.
    wide = discrete and (not video or series.low_resolution)
    return CosmosConfig(
        modality="video" if video else "image",
        compression=(time, height, width),
        fsq_levels=FSQ_LEVELS if discrete else (),
        channel_multipliers=(2, 4) if variant == "CV4x8x8" and not series.low_resolution else (2, 4, 4),
        z_channels=256 if wide else 16,
        patch_size=2 if series.low_resolution else 4,
        # NVIDIA's own code had 32 for this one too, and reconstructed worse than the file.
        groups=1 if video or (series.low_resolution and variant == "DI16x16") else 32,
    )


def _card(series: _Series, variant: str, parameters: int, revision: str | None) -> Card:
    config = _config(series, variant)
    repository = series.repository.format(variant)
    vocabulary = math.prod(config.fsq_levels) if config.fsq_levels else None
    channels = None if vocabulary else config.token_channels
    shown = config.compression if config.is_video else config.compression[1:]
    token = f"{vocabulary} codes" if vocabulary else f"{channels} latent channels"
    return Card(
        info=TokenizerInfo(
            name=f"{series.name}-{variant[:2].lower()}-{'x'.join(map(str, shown))}{series.suffix}",
            kind="discrete" if vocabulary else "continuous",
            modality=config.modality,
            compression=config.compression,
            latent_channels=channels,
            vocabulary=vocabulary,
            bits_per_pixel=nominal_bits_per_pixel(config.compression, latent_channels=channels, vocabulary=vocabulary),
            parameters=parameters,
            license="NVIDIA Open Model License",
            weights=f"huggingface: {repository}",
            source="arXiv 2501.03575",
            description=f"Cosmos {config.modality} tokenizer: {'causal, ' if config.is_video else ''}{token}",
            window=OFFICIAL_WINDOW,
            padding=OFFICIAL_VIDEO_PADDING if config.is_video else OFFICIAL_IMAGE_PADDING,
        ),
        factory="tokenbench_cosmos.tokenizer:load",
        options={"config": config},
        switches=SWITCHES,
        hub=HubSource(repository=repository, revision=revision, file_sets=FILE_SETS),
    )


def _mini_card(variant: str, channels: int, finest: int, parameters: int) -> Card:
    card = _card(_FIRST, variant, parameters, revision=None)
    published = card.options["config"]
    multipliers = (finest, *published.channel_multipliers[1:])
    config = replace(published, channels=channels, channel_multipliers=multipliers, z_channels=16, groups=1)
    time, height, width = config.compression
    info = replace(
        card.info,
        name=f"{card.info.name}-mini",
        padding=Padding(frames=(time, 1 % time), size=(height, width)),
        license="Apache-2.0",
        weights=IN_PACKAGE,
        description=f"{card.info.description}; {channels} instead of {published.channels} channels",
    )
    return replace(card, info=info, options={"config": config, "published": published}, hub=None)


CARDS: list[Card] = [*(_card(*release) for release in _RELEASES), *(_mini_card(*network) for network in _MINI)]
