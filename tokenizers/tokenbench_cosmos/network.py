"""The Cosmos video autoencoder (CV), in the order of the paper's figure.

Source: arXiv 2501.03575, section 3; attribute names and sizes are those of the released files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_cosmos.layers import (
    CausalConv3d,
    CausalDownSample3D,
    CausalResBlock3D,
    CausalSpatioTemporalAttention,
    CausalUpSample3D,
    FactorizedCausalConv3d,
    FrameNorm,
)
from tokenbench_cosmos.wavelet import InverseWavelet3D, Wavelet3D

RGB = 3


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """What tells one video network from another.

    Args:
        compression: pixels a latent stands for along T, H and W; powers of two, H and W alike.
        channel_multipliers: width of every level, in units of `channels`, finest level first.
        latent_channels: of the latent.
        z_channels: between the latent's projection and the network.
        channels: width after the first convolution.
        patch_size: of the wavelet; it does its part of the compression, the levels do the rest.
        encoder_blocks: residual blocks a level.
        decoder_blocks: residual blocks a level.

    Raises:
        ValueError: the levels cannot reach the compression.
    """

    compression: tuple[int, int, int]
    channel_multipliers: tuple[int, ...] = (2, 4, 4)
    latent_channels: int = 16
    z_channels: int = 16
    channels: int = 128
    patch_size: int = 4
    encoder_blocks: int = 2
    decoder_blocks: int = 3

    def __post_init__(self) -> None:
        for steps in (self.encoder_steps, self.decoder_steps):
            time, space = (self.patch_size << sum(axis) for axis in zip(*steps, strict=True))
            if self.patch_size.bit_count() != 1 or self.compression != (time, space, space):
                raise ValueError(
                    f"compression {self.compression} is out of reach of {len(steps)} levels after patches of "
                    f"{self.patch_size}: they give {(time, space, space)}"
                )

    @property
    def widths(self) -> list[int]:
        """Channels of every level, finest first."""
        return [self.channels * multiplier for multiplier in self.channel_multipliers]

    @property
    def patch_channels(self) -> int:
        """Channels of the wavelet's bands."""
        return RGB * self.patch_size**3

    @property
    def halvings(self) -> tuple[int, int]:
        """How often the levels halve time and space."""
        time, space = (int(math.log2(factor / self.patch_size)) for factor in self.compression[:2])
        return time, space

    @property
    def encoder_steps(self) -> list[tuple[bool, bool]]:
        """Whether time and space are halved after each level, finest first; nothing follows the coarsest."""
        time, space = self.halvings
        return [(level < time, level < space) for level in range(len(self.widths) - 1)] + [(False, False)]

    @property
    def decoder_steps(self) -> list[tuple[bool, bool]]:
        """Whether time and space are doubled after each level, finest first; nothing follows the finest.

        Not the encoder's mirror: the coarsest level doubles space where there is more of that to double than of time,
        and otherwise idles.
        """
        time, space = self.halvings
        steps = [(False, False)]
        for turn in reversed(range(len(self.widths) - 1)):
            doubles_time = 0 < turn <= time
            steps.append((doubles_time, doubles_time or turn < space > time))
        return steps


class EncoderLevel(nn.Module):
    """Residual blocks at one resolution, then down to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, *, time: bool, space: bool) -> None:
        super().__init__()
        self.block = _residual_blocks(in_channels, out_channels, blocks)
        self.downsample = CausalDownSample3D(out_channels, time=time, space=space) if time or space else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B x in x T x H x W -> B x out x T' x H' x W'."""
        return self.downsample(self.block(x))


class DecoderLevel(nn.Module):
    """Residual blocks at one resolution, then up to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, *, time: bool, space: bool) -> None:
        super().__init__()
        self.block = _residual_blocks(in_channels, out_channels, blocks)
        self.upsample = CausalUpSample3D(out_channels, time=time, space=space) if time or space else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B x in x T x H x W -> B x out x T' x H' x W'."""
        return self.upsample(self.block(x))


class Middle(nn.Module):
    """The coarsest resolution: attention between two residual blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = CausalResBlock3D(channels, channels)
        self.attn_1 = CausalSpatioTemporalAttention(channels)
        self.block_2 = CausalResBlock3D(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    """Video to features: B x 3 x T x H x W -> B x z x t x h x w."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        widths = config.widths
        self.patcher3d = Wavelet3D(config.patch_size)
        self.conv_in = FactorizedCausalConv3d(config.patch_channels, config.channels)
        self.down = nn.Sequential()
        for before, width, (time, space) in zip([config.channels, *widths], widths, config.encoder_steps, strict=False):
            self.down.append(EncoderLevel(before, width, config.encoder_blocks, time=time, space=space))
        self.mid = Middle(widths[-1])
        self.norm_out = FrameNorm(widths[-1])
        self.conv_out = FactorizedCausalConv3d(widths[-1], config.z_channels)

    def forward(self, video: Tensor) -> Tensor:
        """T = 1 (mod the compression in time); H and W multiples of that in space."""
        x = self.conv_in(self.patcher3d(video))
        x = self.mid(self.down(x))
        return self.conv_out(F.silu(self.norm_out(x)))


class Decoder(nn.Module):
    """Features to video: B x z x t x h x w -> B x 3 x T x H x W."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        widths = config.widths
        self.conv_in = FactorizedCausalConv3d(config.z_channels, widths[-1])
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList()
        for before, width, (time, space) in zip([*widths[1:], widths[-1]], widths, config.decoder_steps, strict=True):
            self.up.append(DecoderLevel(before, width, config.decoder_blocks, time=time, space=space))
        self.norm_out = FrameNorm(widths[0])
        self.conv_out = FactorizedCausalConv3d(widths[0], config.patch_channels)
        self.unpatcher3d = InverseWavelet3D(config.patch_size)

    def forward(self, z: Tensor) -> Tensor:
        """Unclamped."""
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            x = level(x)
        return self.unpatcher3d(self.conv_out(F.silu(self.norm_out(x))))


class CosmosVideoAutoencoder(nn.Module):
    """Continuous video autoencoder: the latent is a plain projection of the features, with nothing sampled."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quant_conv = CausalConv3d(config.z_channels, config.latent_channels, (1, 1, 1))
        self.post_quant_conv = CausalConv3d(config.latent_channels, config.z_channels, (1, 1, 1))
        self.decoder = Decoder(config)

    def encode(self, video: Tensor) -> Tensor:
        """B x 3 x T x H x W in [-1, 1] -> latent, B x C x t x h x w."""
        return self.quant_conv(self.encoder(video))

    def decode(self, latent: Tensor) -> Tensor:
        """Latent, B x C x t x h x w -> B x 3 x T x H x W, unclamped."""
        return self.decoder(self.post_quant_conv(latent))

    def forward(self, video: Tensor) -> Tensor:
        """Decode what was encoded: same shape as `video`."""
        return self.decode(self.encode(video))


def _residual_blocks(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    """The first block changes the width."""
    inputs = [in_channels] + [out_channels] * (count - 1)
    return nn.Sequential(*(CausalResBlock3D(before, out_channels) for before in inputs))
