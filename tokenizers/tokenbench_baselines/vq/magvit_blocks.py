"""Blocks of Open-MAGVIT2 that VQGAN has not, after MAGVIT-v2 (Yu et al. 2023, arXiv 2310.05737)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_baselines.vq.blocks import Convolution, Stride, group_norm

# Added to the variance of a style.
_EPSILON = 1e-6


class CausalConv3d(nn.Module):
    """A convolution over time, height and width that sees no later frame: all of time's zeros are in front."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int = 3, *, stride: Stride = 1, bias: bool = True
    ) -> None:
        super().__init__()
        side = kernel // 2
        time, height, width = (stride, stride, stride) if isinstance(stride, int) else stride
        self.conv_1 = nn.Conv3d(
            channels_in, channels_out, kernel, (time, height, width), padding=(0, side, side), bias=bias
        )
        self._past = kernel - 1

    def forward(self, x: Tensor) -> Tensor:
        """B x C x T x H x W to B x C' x T' x H' x W'."""
        return self.conv_1(F.pad(x, (0, 0, 0, 0, self._past, 0)))


class AdaptiveNorm(nn.Module):
    """A normalisation whose scale and shift follow the deviation and the mean of a style.

    Args:
        channels: to normalise.
        style_channels: of the style.
    """

    def __init__(self, channels: int, style_channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, affine=False)
        self.gamma = nn.Linear(style_channels, channels)
        self.beta = nn.Linear(style_channels, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """B x C x sizes and a style B x Z x other sizes, of more than one position, to B x C x sizes."""
        values = style.flatten(2)
        scale = self.gamma((values.var(2, correction=1) + _EPSILON).sqrt())
        shift = self.beta(values.mean(2))
        each = (*scale.shape, *[1] * (x.dim() - 2))
        return scale.view(each) * self.norm(x) + shift.view(each)


class DepthToSpace(nn.Module):
    """A larger size: a convolution to more channels, that become positions.

    Args:
        channels: of input and output.
        factors: of height and width; or of time, height and width, and time is then causal: T frames become
            1 + 2 (T - 1), for the second of the frames that the first one becomes is dropped.
        conv: makes the convolution.
    """

    def __init__(self, channels: int, factors: tuple[int, ...], conv: Convolution) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels * math.prod(factors))
        self._factors = factors

    def forward(self, x: Tensor) -> Tensor:
        """B x C x sizes to B x C x sizes * factors."""
        x = depth_to_space(self.conv1(x), self._factors)
        doubles_time = len(self._factors) == 3 and self._factors[0] == 2
        return torch.cat([x[:, :, :1], x[:, :, 2:]], dim=2) if doubles_time else x


def depth_to_space(x: Tensor, factors: tuple[int, ...]) -> Tensor:
    """Channels to positions, block-major: channel (dy * factor + dx) * C + c holds the offset (dy, dx) of channel c.

    `torch.nn.PixelShuffle` has the channels in the other order.

    Args:
        x: B x (factors... C) x sizes.
        factors: one for each size.

    Returns:
        B x C x sizes * factors.
    """
    axes = len(factors)
    batch, sizes = x.shape[0], x.shape[2:]
    split = x.reshape(batch, *factors, -1, *sizes)
    pairs = [axis for pair in range(axes) for axis in (axes + 2 + pair, 1 + pair)]
    larger = [size * factor for size, factor in zip(sizes, factors, strict=True)]
    return split.permute(0, axes + 1, *pairs).reshape(batch, -1, *larger)
