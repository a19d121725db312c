"""Open-MAGVIT2 (Luo et al. 2024, arXiv 2409.04410): quantisation without a codebook, a decoder styled by the code.

The decoder normalises by statistics of the whole image or window, so that tiles and padding change all of it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_baselines.vq.blocks import Convolution, ResBlock, conv2d, group_norm
from tokenbench_baselines.vq.config import RGB, LookupFreeConfig
from tokenbench_baselines.vq.magvit_blocks import AdaptiveNorm, CausalConv3d, DepthToSpace


class LookupFreeNetwork(nn.Module):
    """Images, or videos, to codes and back."""

    def __init__(self, config: LookupFreeConfig) -> None:
        super().__init__()
        self._bits = config.bits
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, pixels: Tensor) -> Tensor:
        """B x 3 x (T x) H x W in [-1, 1] to codes, int32 B x (t x) h x w."""
        return codes_of(self.latent(pixels))

    def latent(self, pixels: Tensor) -> Tensor:
        """What the signs are taken of: B x bits x (t x) h x w."""
        return self.encoder(pixels)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes, int B x (t x) h x w, to B x 3 x (T x) H x W, unclamped; more than one position is needed."""
        return self.decoder(signs_of(codes, self._bits).to(self.decoder.norm_out.weight.dtype))

    def forward(self, pixels: Tensor) -> Tensor:
        """The reconstruction of images or videos."""
        return self.decode(self.encode(pixels))


def codes_of(z: Tensor) -> Tensor:
    """Channel c of B x C x sizes is bit c, the lowest first: 1 where it is above zero. int32 B x sizes."""
    places = 2 ** torch.arange(z.shape[1], dtype=torch.int32, device=z.device)
    return ((z > 0).movedim(1, -1) * places).sum(-1, dtype=torch.int32)


def signs_of(codes: Tensor, bits: int) -> Tensor:
    """The vectors of codes, int B x sizes: float32 B x bits x sizes, 1 where a bit is set and -1 elsewhere."""
    is_set = codes.unsqueeze(1).bitwise_right_shift(_along_channels(bits, codes)).bitwise_and(1)
    return is_set.float() * 2 - 1


class Encoder(nn.Module):
    """Pixels to one value a bit."""

    def __init__(self, config: LookupFreeConfig) -> None:
        super().__init__()
        conv = _convolution(config)
        widths = (config.channels, *config.widths)
        steps = (*config.factors, None)
        self.conv_in = conv(RGB, config.channels, bias=False)
        self.down = nn.ModuleList(
            DownLevel(config, *pair, factors) for pair, factors in zip(pairwise(widths), steps, strict=True)
        )
        self.mid_block = _blocks(config, widths[-1], widths[-1])
        self.norm_out = group_norm(widths[-1])
        self.conv_out = conv(widths[-1], config.bits, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """B x 3 x (T x) H x W to B x bits x (t x) h x w."""
        h = self.conv_in(pixels)
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid_block(h))))


class Decoder(nn.Module):
    """Vectors of signs to pixels."""

    def __init__(self, config: LookupFreeConfig) -> None:
        super().__init__()
        conv = _convolution(config)
        widths = (*config.widths, config.widths[-1])
        steps = (None, *config.factors)
        self.conv_in = conv(config.bits, widths[-1])
        self.mid_block = _blocks(config, widths[-1], widths[-1])
        self.adaptive = nn.ModuleList(AdaptiveNorm(entering, config.bits) for entering in widths[1:])
        self.up = nn.ModuleList(
            UpLevel(config, entering, own, factors)
            for (own, entering), factors in zip(pairwise(widths), steps, strict=True)
        )
        self.norm_out = group_norm(widths[0])
        self.conv_out = conv(widths[0], RGB)

    def forward(self, style: Tensor) -> Tensor:
        """B x bits x (t x) h x w, values 1 and -1, to B x 3 x (T x) H x W."""
        h = self.mid_block(self.conv_in(style))
        for norm, level in zip(reversed(self.adaptive), reversed(self.up), strict=True):
            h = level(norm(h, style))
        return self.conv_out(F.silu(self.norm_out(h)))


class DownLevel(nn.Module):
    """Residual blocks, then a step down where there are factors for it."""

    def __init__(
        self, config: LookupFreeConfig, channels_in: int, channels_out: int, factors: tuple[int, ...] | None
    ) -> None:
        super().__init__()
        conv = _convolution(config)
        self.block = _blocks(config, channels_in, channels_out)
        self.downsample = conv(channels_out, channels_out, stride=factors) if factors else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B x channels_in x sizes to B x channels_out x sizes / factors."""
        return self.downsample(self.block(x))


class UpLevel(nn.Module):
    """Residual blocks, then a step up where there are factors for it."""

    def __init__(
        self, config: LookupFreeConfig, channels_in: int, channels_out: int, factors: tuple[int, ...] | None
    ) -> None:
        super().__init__()
        self.block = _blocks(config, channels_in, channels_out)
        self.upsample = DepthToSpace(channels_out, factors, _convolution(config)) if factors else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B x channels_in x sizes to B x channels_out x sizes * factors."""
        return self.upsample(self.block(x))


def _convolution(config: LookupFreeConfig) -> Convolution:
    return CausalConv3d if config.video else conv2d


def _blocks(config: LookupFreeConfig, channels_in: int, channels_out: int) -> nn.Sequential:
    widths = (channels_in, *[channels_out] * config.blocks)
    conv = _convolution(config)
    return nn.Sequential(*(ResBlock(*pair, conv=conv, bias=False) for pair in pairwise(widths)))


def _along_channels(bits: int, like: Tensor) -> Tensor:
    """0 to bits - 1 along the second of one axis more than `like` has."""
    return torch.arange(bits, dtype=like.dtype, device=like.device).view(1, -1, *[1] * (like.dim() - 1))
