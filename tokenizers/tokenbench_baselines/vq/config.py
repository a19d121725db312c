"""Settings of the networks, and what their published files are like. Importing this costs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RGB = 3

Lookup = Literal["euclidean", "cosine", "dot"]


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a family calls the parts of its networks; the defaults are VQGAN's.

    Args:
        down: levels of the encoder.
        up: levels of the decoder.
        block: residual blocks of a level.
        middle: block, attention and block at the lowest resolution.
        lowest_first: the decoder's levels count from the lowest resolution, as it runs; otherwise from the highest.
    """

    down: str = "down"
    up: str = "up"
    block: str = "block"
    middle: tuple[str, str, str] = ("block_1", "attn_1", "block_2")
    lowest_first: bool = False


@dataclass(frozen=True, kw_only=True)
class CodebookConfig:
    """A convolutional autoencoder around a codebook.

    Args:
        multipliers: width of each level, highest resolution first, in `channels`; each level but the last halves sizes.
        codes: rows of the codebook.
        code_width: values of a row.
        lookup: which row stands for a vector: the nearest one, the nearest one after both are scaled to length 1, or
            the one with the greatest product.
        attention_levels: levels that attend behind every block, whatever the size of the input.
        z_channels: of the encoder's output.
        channels: base width.
        encoder_blocks: residual blocks of each level.
        decoder_blocks: residual blocks of each level.
        names: of the parts.
        usage: length of a buffer in the files that counts how often codes were used in training; 0 for none.
    """

    multipliers: tuple[int, ...]
    codes: int
    code_width: int
    lookup: Lookup = "euclidean"
    attention_levels: tuple[int, ...] = ()
    z_channels: int = 256
    channels: int = 128
    encoder_blocks: int = 2
    decoder_blocks: int = 3
    names: Names = Names()
    usage: int = 0

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, highest resolution first."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)


@dataclass(frozen=True, kw_only=True)
class LookupFreeConfig:
    """An Open-MAGVIT2 network: the signs of its channels are the code.

    Args:
        multipliers: width of each level, highest resolution first, in `channels`; each level but the last halves
            height and width, and time too where its multiplier is more than 1.
        bits: of a code, one a channel.
        channels: base width.
        blocks: residual blocks of each level and of the middle, in encoder and decoder.
        video: causal 3-D convolutions in place of 2-D ones.
    """

    multipliers: tuple[int, ...]
    bits: int = 18
    channels: int = 128
    blocks: int = 4
    video: bool = False

    @property
    def codes(self) -> int:
        """Of the vocabulary."""
        return 2**self.bits

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, highest resolution first."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def factors(self) -> tuple[tuple[int, ...], ...]:
        """What each level but the last divides the size by: (height, width), or (time, height, width)."""
        if not self.video:
            return ((2, 2),) * (len(self.multipliers) - 1)
        return tuple((1 if multiplier == 1 else 2, 2, 2) for multiplier in self.multipliers[:-1])


@dataclass(frozen=True, kw_only=True)
class FileLayout:
    """How a published file holds a network.

    Args:
        containers: keys that the tensors may lie under, best first.
        prefixes: of the network's names in the file of a larger model, which is ignored for the rest.
        dropped: beginnings of names that training alone needs.
        averaged: the weights to use are moving averages, named `model_ema.` and the parameter without its dots.
        optional: names that a file may lack.
    """

    containers: tuple[str, ...] = ("state_dict",)
    prefixes: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    averaged: bool = False
    optional: tuple[str, ...] = ()
