"""Blocks that the networks are made of, after VQGAN (Esser et al. 2021, arXiv 2012.09841)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

# For all axes, or for each.
Stride = int | tuple[int, ...]


class Convolution(Protocol):
    """Makes a convolution that keeps the size where its stride is 1."""

    def __call__(
        self, channels_in: int, channels_out: int, kernel: int = 3, *, stride: Stride = 1, bias: bool = True
    ) -> nn.Module:
        """The layer: B x channels_in x sizes to B x channels_out x sizes / stride."""
        ...


def conv2d(channels_in: int, channels_out: int, kernel: int = 3, *, stride: Stride = 1, bias: bool = True) -> nn.Conv2d:
    """A 2-D convolution with as many zeros on either side."""
    height, width = (stride, stride) if isinstance(stride, int) else stride
    return nn.Conv2d(channels_in, channels_out, kernel, (height, width), padding=kernel // 2, bias=bias)


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Normalisation in 32 groups, over all positions."""
    return nn.GroupNorm(32, channels, eps=1e-6, affine=affine)


class ResBlock(nn.Module):
    """Two convolutions, each behind a normalisation and SiLU, beside a shortcut.

    Args:
        channels_in: of the input.
        channels_out: of the output; the shortcut is a convolution of size 1 where they differ.
        conv: makes the convolutions.
        bias: whether they have one.
    """

    def __init__(self, channels_in: int, channels_out: int, *, conv: Convolution = conv2d, bias: bool = True) -> None:
        super().__init__()
        self.norm1 = group_norm(channels_in)
        self.conv1 = conv(channels_in, channels_out, bias=bias)
        self.norm2 = group_norm(channels_out)
        self.conv2 = conv(channels_out, channels_out, bias=bias)
        same = channels_in == channels_out
        self.nin_shortcut = nn.Identity() if same else conv(channels_in, channels_out, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """B x channels_in x sizes to B x channels_out x sizes."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self.nin_shortcut(x) + h


class Attention(nn.Module):
    """One head of attention over all positions, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """B x C x H x W to the same."""
        h = self.norm(x)
        # Heads on an axis of their own and contiguous rows: otherwise torch makes a matrix of all pairs of positions.
        q, k, v = (part(h).flatten(2).transpose(1, 2).unsqueeze(1).contiguous() for part in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.squeeze(1).transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """Half the size: a convolution of stride 2, with zeros on the right and at the bottom alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """B x C x H x W to B x C x H/2 x W/2."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Twice the size: every pixel four times, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv2d(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B x C x H x W to B x C x 2H x 2W."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
