"""The video network's encoder and decoder, in the order of the paper's architecture figure.

Source: arXiv 2501.03575, section 4.1; attribute names and sizes are those of the released files.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from tokenbench_cosmos.causal import CausalIdentity, CausalSequential, FactorizedCausalConv3d, FrameNorm, flat
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.layers3d import (
    CausalDownSample3D,
    CausalResBlock3D,
    CausalSpatioTemporalAttn,
    CausalUpSample3D,
)
from tokenbench_cosmos.past import Past
from tokenbench_cosmos.wavelet import HaarWavelet3D, InverseHaarWavelet3D


class VideoEncoder(nn.Module):
    """Video to features: B x 3 x T x H x W -> B x z x t x h x w."""

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        widths = config.widths
        self.patcher3d = HaarWavelet3D(config.patch_size)
        self.conv_in = FactorizedCausalConv3d(config.patch_channels, config.channels)
        self.down = CausalSequential()
        for before, width, (time, space) in zip([config.channels, *widths], widths, config.encoder_steps, strict=False):
            self.down.append(EncoderLevel(before, width, config.encoder_blocks, time=time, space=space))
        self.mid = Middle(widths[-1])
        self.norm_out = FrameNorm(widths[-1])
        self.conv_out = FactorizedCausalConv3d(widths[-1], config.z_channels)

    def forward(self, video: Tensor, past: Past | None = None) -> Tensor:
        """T = 1 (mod the compression in time), 0 after the first chunk; H and W multiples of that in space."""
        bands = self.patcher3d(video.contiguous(memory_format=torch.channels_last_3d), past)
        x = self.conv_in(bands.contiguous(memory_format=torch.channels_last_3d), past)
        for layer in flat(self.down, self.mid):
            x = layer(x, past)
        return self.conv_out(x, past, self.norm_out)


class VideoDecoder(nn.Module):
    """Features to video: B x z x t x h x w -> B x 3 x T x H x W."""

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        widths = config.widths
        self.conv_in = FactorizedCausalConv3d(config.z_channels, widths[-1])
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList()
        for before, width, (time, space) in zip([*widths[1:], widths[-1]], widths, config.decoder_steps, strict=True):
            self.up.append(DecoderLevel(before, width, config.decoder_blocks, time=time, space=space))
        self.norm_out = FrameNorm(widths[0])
        self.conv_out = FactorizedCausalConv3d(widths[0], config.patch_channels)
        self.unpatcher3d = InverseHaarWavelet3D(config.patch_size)

    def forward(self, z: Tensor, past: Past | None = None) -> Tensor:
        """Unclamped."""
        x = self.conv_in(z.contiguous(memory_format=torch.channels_last_3d), past)
        for layer in flat(self.mid, *reversed(self.up)):
            x = layer(x, past)
        return self.unpatcher3d(self.conv_out(x, past, self.norm_out), past)


class EncoderLevel(CausalSequential):
    """Residual blocks at one resolution, then down to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, *, time: bool, space: bool) -> None:
        halves = time or space
        downsample = CausalDownSample3D(out_channels, time=time, space=space) if halves else CausalIdentity()
        super().__init__(OrderedDict(block=_residual_blocks(in_channels, out_channels, blocks), downsample=downsample))


class Middle(CausalSequential):
    """The coarsest resolution: attention between two residual blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            OrderedDict(
                block_1=CausalResBlock3D(channels, channels),
                attn_1=CausalSpatioTemporalAttn(channels),
                block_2=CausalResBlock3D(channels, channels),
            )
        )


class DecoderLevel(CausalSequential):
    """Residual blocks at one resolution, then up to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, *, time: bool, space: bool) -> None:
        doubles = time or space
        upsample = CausalUpSample3D(out_channels, time=time, space=space) if doubles else CausalIdentity()
        super().__init__(OrderedDict(block=_residual_blocks(in_channels, out_channels, blocks), upsample=upsample))


def _residual_blocks(in_channels: int, out_channels: int, count: int) -> CausalSequential:
    """The first block changes the width."""
    inputs = [in_channels] + [out_channels] * (count - 1)
    return CausalSequential(*(CausalResBlock3D(before, out_channels) for before in inputs))
