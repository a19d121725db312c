"""The image network's encoder and decoder; attribute names and sizes are those of the released files."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.functional import activate
from tokenbench_cosmos.layers2d import Attention, DownSample, Norm, ResBlock, UpSample
from tokenbench_cosmos.wavelet import HaarWavelet2D, InverseHaarWavelet2D


class ImageEncoder(nn.Module):
    """Image to features: B x 3 x H x W -> B x z x h x w."""

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        self.patcher = HaarWavelet2D(config.patch_size)
        self.conv_in = nn.Conv2d(config.patch_channels, config.channels, 3, padding=1)
        self.down = nn.Sequential()
        for before, width, (_, space) in zip([config.channels, *widths], widths, config.encoder_steps, strict=False):
            self.down.append(EncoderLevel(before, width, config.encoder_blocks, groups, space=space))
        self.mid = Middle(widths[-1], groups)
        self.norm_out = Norm(groups, widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], config.z_channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """H and W multiples of the compression."""
        x = self.patcher(image.contiguous(memory_format=torch.channels_last))
        x = self.conv_in(x.contiguous(memory_format=torch.channels_last))
        x = self.mid(self.down(x))
        return self.conv_out(activate(self.norm_out(x)))


class ImageDecoder(nn.Module):
    """Features to image: B x z x h x w -> B x 3 x H x W."""

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], groups)
        self.up = nn.ModuleList()
        for before, width, (_, space) in zip([*widths[1:], widths[-1]], widths, config.decoder_steps, strict=True):
            self.up.append(DecoderLevel(before, width, config.decoder_blocks, groups, space=space))
        self.norm_out = Norm(groups, widths[0])
        self.conv_out = nn.Conv2d(widths[0], config.patch_channels, 3, padding=1)
        self.unpatcher = InverseHaarWavelet2D(config.patch_size)

    def forward(self, z: Tensor) -> Tensor:
        """Unclamped."""
        x = self.mid(self.conv_in(z.contiguous(memory_format=torch.channels_last)))
        for level in reversed(self.up):
            x = level(x)
        return self.unpatcher(self.conv_out(activate(self.norm_out(x))))


class EncoderLevel(nn.Module):
    """Residual blocks at one resolution, then down to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, groups: int, *, space: bool) -> None:
        super().__init__()
        self.block = _residual_blocks(in_channels, out_channels, blocks, groups)
        self.downsample = DownSample(out_channels) if space else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B x in x H x W -> B x out x H' x W'."""
        return self.downsample(self.block(x))


class Middle(nn.Module):
    """The coarsest resolution: attention between two residual blocks."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(channels, channels, groups)
        self.attn_1 = Attention(channels, groups)
        self.block_2 = ResBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return self.block_2(self.attn_1(self.block_1(x)))


class DecoderLevel(nn.Module):
    """Residual blocks at one resolution, then up to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, groups: int, *, space: bool) -> None:
        super().__init__()
        self.block = _residual_blocks(in_channels, out_channels, blocks, groups)
        self.upsample = UpSample(out_channels) if space else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B x in x H x W -> B x out x H' x W'."""
        return self.upsample(self.block(x))


def _residual_blocks(in_channels: int, out_channels: int, count: int, groups: int) -> nn.Sequential:
    """The first block changes the width."""
    inputs = [in_channels] + [out_channels] * (count - 1)
    return nn.Sequential(*(ResBlock(before, out_channels, groups) for before in inputs))
