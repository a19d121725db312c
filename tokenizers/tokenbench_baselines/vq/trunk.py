"""The autoencoder of VQGAN, and so of LlamaGen, Janus, IBQ and Chameleon, which differ in names and attention."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_baselines.vq.blocks import Attention, Downsample, ResBlock, Upsample, conv2d, group_norm
from tokenbench_baselines.vq.config import RGB, CodebookConfig, Names


class Encoder(nn.Module):
    """Images to vectors."""

    def __init__(self, config: CodebookConfig) -> None:
        super().__init__()
        widths = (config.channels, *config.widths)
        self.conv_in = conv2d(RGB, config.channels)
        levels = [
            DownLevel(config, level, channels_in, channels_out)
            for level, (channels_in, channels_out) in enumerate(pairwise(widths))
        ]
        self._down = config.names.down
        self.add_module(self._down, nn.ModuleList(levels))
        self.mid = _middle(widths[-1], config.names)
        self.norm_out = group_norm(widths[-1])
        self.conv_out = conv2d(widths[-1], config.z_channels)

    def forward(self, images: Tensor) -> Tensor:
        """B x 3 x H x W to B x z_channels x h x w."""
        h = self.conv_in(images)
        for level in getattr(self, self._down):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """Vectors to images."""

    def __init__(self, config: CodebookConfig) -> None:
        super().__init__()
        lowest_first = (config.widths[-1], *reversed(config.widths))
        self.conv_in = conv2d(config.z_channels, lowest_first[0])
        self.mid = _middle(lowest_first[0], config.names)
        levels = [
            UpLevel(config, len(config.widths) - 1 - step, channels_in, channels_out)
            for step, (channels_in, channels_out) in enumerate(pairwise(lowest_first))
        ]
        self._up, self._lowest_first = config.names.up, config.names.lowest_first
        self.add_module(self._up, nn.ModuleList(levels if self._lowest_first else reversed(levels)))
        self.norm_out = group_norm(lowest_first[-1])
        self.conv_out = conv2d(lowest_first[-1], RGB)

    def forward(self, z: Tensor) -> Tensor:
        """B x z_channels x h x w to B x 3 x H x W."""
        h = self.mid(self.conv_in(z))
        levels = getattr(self, self._up)
        for level in levels if self._lowest_first else reversed(levels):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Level(nn.Module):
    """Residual blocks of one resolution, with attention behind each where the level attends.

    Args:
        config: of the network.
        level: number, 0 for full resolution.
        blocks: how many.
        channels_in: of the input.
        channels_out: of the output.
    """

    def __init__(self, config: CodebookConfig, level: int, blocks: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        widths = (channels_in, *[channels_out] * blocks)
        self._block = config.names.block
        self.add_module(self._block, nn.ModuleList(ResBlock(*pair) for pair in pairwise(widths)))
        attends = level in config.attention_levels
        self.attn = nn.ModuleList(Attention(channels_out) if attends else nn.Identity() for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """B x channels_in x H x W to B x channels_out x H x W."""
        for block, attention in zip(getattr(self, self._block), self.attn, strict=True):
            x = attention(block(x))
        return x


class DownLevel(Level):
    """A level of an encoder; each but the last halves the size behind its blocks."""

    def __init__(self, config: CodebookConfig, level: int, channels_in: int, channels_out: int) -> None:
        super().__init__(config, level, config.encoder_blocks, channels_in, channels_out)
        last = level == len(config.multipliers) - 1
        self.downsample = nn.Identity() if last else Downsample(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """B x channels_in x H x W to B x channels_out x H/2 x W/2."""
        return self.downsample(super().forward(x))


class UpLevel(Level):
    """A level of a decoder; each but that of full resolution doubles the size behind its blocks."""

    def __init__(self, config: CodebookConfig, level: int, channels_in: int, channels_out: int) -> None:
        super().__init__(config, level, config.decoder_blocks, channels_in, channels_out)
        self.upsample = nn.Identity() if level == 0 else Upsample(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """B x channels_in x H x W to B x channels_out x 2H x 2W."""
        return self.upsample(super().forward(x))


def _middle(channels: int, names: Names) -> nn.Sequential:
    parts = (ResBlock(channels, channels), Attention(channels), ResBlock(channels, channels))
    return nn.Sequential(OrderedDict(zip(names.middle, parts, strict=True)))
