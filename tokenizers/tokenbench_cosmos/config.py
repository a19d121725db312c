"""What tells one Cosmos network from another. Importing this costs no torch.

Source: arXiv 2501.03575, section 4, and the layout of the released files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

RGB = 3

# Levels of the six dimensions of a code: 64,000 codes.
FSQ_LEVELS = (8, 8, 8, 5, 5, 5)


@dataclass(frozen=True, kw_only=True)
class CosmosConfig:
    """One network.

    Args:
        modality: an image network has 2-D blocks, a video network causal 3-D ones.
        compression: pixels a token stands for along T, H and W; powers of two, H and W alike; T = 1 for images.
        fsq_levels: of a discrete network; empty for a continuous one.
        channel_multipliers: width of every level, in units of `channels`, finest level first.
        z_channels: between the network and the projection to tokens.
        patch_size: of the wavelet; it does its part of the compression, the levels do the rest.
        groups: of every normalisation; 1 in video networks, where each frame is normalised on its own.
        channels: width after the first convolution.
        encoder_blocks: residual blocks a level.
        decoder_blocks: residual blocks a level.
        legacy_upsampling: double time one level earlier in the decoder, as networks trained before September 2024 do.

    Raises:
        ValueError: the levels cannot reach the compression.
    """

    modality: Literal["image", "video"]
    compression: tuple[int, int, int]
    fsq_levels: tuple[int, ...] = ()
    channel_multipliers: tuple[int, ...] = (2, 4, 4)
    z_channels: int = 16
    patch_size: int = 4
    groups: int = 1
    channels: int = 128
    encoder_blocks: int = 2
    decoder_blocks: int = 3
    legacy_upsampling: bool = False

    def __post_init__(self) -> None:
        patch = (self.patch_size if self.is_video else 1, self.patch_size)
        for steps in (self.encoder_steps, self.decoder_steps):
            time, space = (size << sum(axis) for size, axis in zip(patch, zip(*steps, strict=True), strict=True))
            if self.patch_size.bit_count() != 1 or self.compression != (time, space, space):
                raise ValueError(
                    f"compression {self.compression} is out of reach of {len(steps)} levels after patches of "
                    f"{self.patch_size}: they give {(time, space, space)}"
                )

    @property
    def is_video(self) -> bool:
        """Whether the network's blocks are 3-D."""
        return self.modality == "video"

    @property
    def token_channels(self) -> int:
        """Channels of a latent (16), or dimensions of a code (6)."""
        return len(self.fsq_levels) or 16

    @property
    def widths(self) -> list[int]:
        """Channels of every level, finest first."""
        return [self.channels * multiplier for multiplier in self.channel_multipliers]

    @property
    def patch_channels(self) -> int:
        """Channels of the wavelet's bands."""
        return RGB * self.patch_size ** (3 if self.is_video else 2)

    @property
    def halvings(self) -> tuple[int, int]:
        """How often the levels halve time and space."""
        time, space = (int(math.log2(factor / self.patch_size)) for factor in self.compression[:2])
        return (time if self.is_video else 0), space

    @property
    def encoder_steps(self) -> list[tuple[bool, bool]]:
        """Whether time and space are halved after each level, finest first.

        In video networks nothing follows the coarsest level.
        """
        time, space = self.halvings
        levels = len(self.widths)
        if not self.is_video:
            return [(False, level < space) for level in range(levels)]
        return [(level < time, level < space) for level in range(levels - 1)] + [(False, False)]

    @property
    def decoder_steps(self) -> list[tuple[bool, bool]]:
        """Whether time and space are doubled after each level, finest first.

        In video networks nothing follows the finest level, and the rest is not the encoder's mirror: the coarsest
        level doubles space where there is more of that to double than of time, and otherwise idles.
        """
        time, space = self.halvings
        turns = reversed(range(len(self.widths)))
        if not self.is_video:
            return [(False, turn < space) for turn in turns]
        steps = [(False, False)]
        for turn in list(turns)[1:]:
            doubles_time = turn < time if self.legacy_upsampling else 0 < turn <= time
            steps.append((doubles_time, doubles_time or turn < space > time))
        return steps
