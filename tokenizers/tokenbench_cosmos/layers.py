"""The causal blocks of the video network, from the convolution up: no frame sees a later one.

Everything takes and gives B x C x T x H x W. Attribute names are those of the released files.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalConv3d(nn.Module):
    """Convolution that sees the past only: copies of the first frame in front, nothing behind.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: T x H x W.
        stride: T x H x W.
        padding: zeros on either side of height and width.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int],
        *,
        stride: tuple[int, int, int] = (1, 1, 1),
        padding: int = 0,
    ) -> None:
        super().__init__()
        self.copies = kernel[0] - stride[0]
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride, padding=(0, padding, padding))

    def forward(self, x: Tensor) -> Tensor:
        """B x in x T x H x W -> B x out x T' x H' x W'."""
        if self.copies:
            x = torch.cat([x[:, :, :1]] * self.copies + [x], dim=2)
        return self.conv3d(x)


class FactorizedCausalConv3d(nn.Sequential):
    """A 1 x 3 x 3 convolution over space, then a 3 x 1 x 1 one over time."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            CausalConv3d(in_channels, out_channels, (1, 3, 3), padding=1),
            CausalConv3d(out_channels, out_channels, (3, 1, 1)),
        )


class FrameNorm(nn.Module):
    """Layer normalisation of every frame on its own, over C, H and W: statistics over time would see the future."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        frames = x.transpose(1, 2)
        # The CPU's channels-last kernel takes E[x^2] - E[x]^2 in one pass, which cancels where the mean is large.
        normalised = self.norm(frames.flatten(0, 1).contiguous())
        return normalised.unflatten(0, frames.shape[:2]).transpose(1, 2)


class CausalResBlock3D(nn.Module):
    """Two rounds of normalise, activate and convolve, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = FrameNorm(in_channels)
        self.conv1 = FactorizedCausalConv3d(in_channels, out_channels)
        self.norm2 = FrameNorm(out_channels)
        self.conv2 = FactorizedCausalConv3d(out_channels, out_channels)
        same = in_channels == out_channels
        self.nin_shortcut = nn.Identity() if same else CausalConv3d(in_channels, out_channels, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """B x in x T x H x W -> B x out x T x H x W."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self.nin_shortcut(x) + h


class CausalDownSample3D(nn.Module):
    """Halve space, time or both: a strided convolution plus the mean of the pixels that it strides over.

    Args:
        channels: in and out.
        time: T -> 1 + (T-1)/2; the first frame stays alone.
        space: H, W -> H/2, W/2.
    """

    def __init__(self, channels: int, *, time: bool, space: bool) -> None:
        super().__init__()
        self.time, self.space = time, space
        if space:
            self.conv1 = CausalConv3d(channels, channels, (1, 3, 3), stride=(1, 2, 2))
        if time:
            self.conv2 = CausalConv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1))
        self.conv3 = CausalConv3d(channels, channels, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Space first, then time."""
        if self.space:
            x = self.conv1(F.pad(x, (0, 1, 0, 1))) + _mean_of_pairs(_mean_of_pairs(x, 3), 4)
        if self.time:
            x = torch.cat([x[:, :, :1], x], dim=2)
            x = self.conv2(x) + _mean_of_pairs(x, 2)
        return self.conv3(x)


class CausalUpSample3D(nn.Module):
    """Double time, space or both: repeat the pixels, and add a convolution of the repeated ones.

    Args:
        channels: in and out.
        time: T -> 2T - 1; the first frame stays alone.
        space: H, W -> 2H, 2W.
    """

    def __init__(self, channels: int, *, time: bool, space: bool) -> None:
        super().__init__()
        self.time, self.space = time, space
        if time:
            self.conv1 = CausalConv3d(channels, channels, (3, 1, 1))
        if space:
            self.conv2 = CausalConv3d(channels, channels, (1, 3, 3), padding=1)
        self.conv3 = CausalConv3d(channels, channels, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Time first, then space."""
        if self.time:
            x = x.repeat_interleave(2, dim=2)[:, :, 1:]
            x = self.conv1(x) + x
        if self.space:
            x = F.interpolate(x, scale_factor=(1.0, 2.0, 2.0), mode="nearest")
            x = self.conv2(x) + x
        return self.conv3(x)


class SpatialAttention(nn.Module):
    """Every pixel attends to all pixels of its frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = FrameNorm(channels)
        self.q = CausalConv3d(channels, channels, (1, 1, 1))
        self.k = CausalConv3d(channels, channels, (1, 1, 1))
        self.v = CausalConv3d(channels, channels, (1, 1, 1))
        self.proj_out = CausalConv3d(channels, channels, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        normalised = self.norm(x)
        q, k, v = (_frames_as_heads(projection(normalised)) for projection in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.permute(0, 3, 1, 2).unflatten(3, x.shape[3:]))


class TemporalAttention(nn.Module):
    """Every pixel attends to itself in this frame and in all earlier ones."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = FrameNorm(channels)
        self.q = CausalConv3d(channels, channels, (1, 1, 1))
        self.k = CausalConv3d(channels, channels, (1, 1, 1))
        self.v = CausalConv3d(channels, channels, (1, 1, 1))
        self.proj_out = CausalConv3d(channels, channels, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        normalised = self.norm(x)
        q, k, v = (_columns_as_heads(projection(normalised)) for projection in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.proj_out(attended.unflatten(0, (len(x), -1)).permute(0, 4, 3, 1, 2))


class CausalSpatioTemporalAttention(nn.Sequential):
    """Factorised attention: over space, then over time."""

    def __init__(self, channels: int) -> None:
        super().__init__(SpatialAttention(channels), TemporalAttention(channels))


# The fused attention kernels want four axes, channels side by side, and no axis of more than 65535 before the last two.


def _frames_as_heads(x: Tensor) -> Tensor:
    """B x C x T x H x W -> B x T x HW x C."""
    return x.flatten(3).permute(0, 2, 3, 1).contiguous()


def _columns_as_heads(x: Tensor) -> Tensor:
    """B x C x T x H x W -> BH x W x T x C."""
    return x.permute(0, 3, 4, 2, 1).flatten(0, 1).contiguous()


def _mean_of_pairs(x: Tensor, axis: int) -> Tensor:
    """Average pooling by 2 along one axis; avg_pool3d knows no bfloat16 on the CPU."""
    return x.unflatten(axis, (-1, 2)).mean(axis + 1)
