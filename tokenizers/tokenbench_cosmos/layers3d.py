"""The causal blocks of the video network, each under its name in the paper's architecture figure.

Everything takes and gives B x C x T x H x W, and a `Past` where a clip comes in chunks. Attribute names are those of
the released files. Source: arXiv 2501.03575, section 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_cosmos.causal import (
    CausalConv3d,
    CausalIdentity,
    CausalSequential,
    FactorizedCausalConv3d,
    FrameNorm,
    few_frames,
    fold,
    gather,
    unfold,
)
from tokenbench_cosmos.functional import attend, conv_of_doubled
from tokenbench_cosmos.past import TIME, Past, begins, join


class CausalResBlock3D(nn.Module):
    """Two rounds of normalise, activate and convolve, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = FrameNorm(in_channels)
        self.conv1 = FactorizedCausalConv3d(in_channels, out_channels)
        self.norm2 = FrameNorm(out_channels)
        self.conv2 = FactorizedCausalConv3d(out_channels, out_channels)
        same = in_channels == out_channels
        self.nin_shortcut = CausalIdentity() if same else CausalConv3d(in_channels, out_channels, (1, 1, 1))

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """B x in x T x H x W -> B x out x T x H x W."""
        # Each half replaces the one before: a call around both would keep its input alive to the end.
        h = self.conv1.over_space(x, self.norm1)
        h = self.conv1.over_time(h, past)
        h = self.conv2.over_space(h, self.norm2)
        h = self.conv2.over_time(h, past)
        return h.add_(self.nin_shortcut(x))


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

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Space first, then time."""
        if self.space:
            means = unfold(F.avg_pool2d(fold(x), 2), x.shape[0])
            x = self.conv1(F.pad(x, (0, 1, 0, 1))).add_(means)
        if self.time:
            x = self.conv2(x, past).add_(self._means_of_pairs(x, past))
        return self.conv3(x)

    def _means_of_pairs(self, x: Tensor, past: Past | None) -> Tensor:
        """Of frames 1 and 2, 3 and 4, ...; frame 0 is its own mean."""
        if begins(self, past):
            x = join(x[:, :, :1], x)
        # Written out: avg_pool3d knows no bfloat16 on the CPU.
        return (x[:, :, ::2] + x[:, :, 1::2]) / 2


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

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Time first, then space."""
        if self.time:
            x = x.repeat_interleave(2, dim=TIME)
            x = x[:, :, 1:] if begins(self, past) else x
            x = self.conv1(x, past).add_(x)
        growth = 4 if self.space else 1
        parts = (self.conv3(self._doubled(frames)) for frames in few_frames(x, growth))
        return gather(parts, x.shape[TIME])

    def _doubled(self, x: Tensor) -> Tensor:
        """Nearest neighbour plus its convolution, which is one convolution with 1 added to the middle tap."""
        if not self.space:
            return x
        conv = self.conv2.conv3d
        weight = conv.weight.squeeze(TIME).clone(memory_format=torch.preserve_format)
        weight[:, :, 1, 1].diagonal().add_(1)
        return unfold(conv_of_doubled(fold(x), weight, conv.bias), x.shape[0])


class CausalAttention(nn.Module):
    """What attention over space and over time have in common: one head, between projections of every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = FrameNorm(channels)
        self.q = CausalConv3d(channels, channels, (1, 1, 1))
        self.k = CausalConv3d(channels, channels, (1, 1, 1))
        self.v = CausalConv3d(channels, channels, (1, 1, 1))
        self.proj_out = CausalConv3d(channels, channels, (1, 1, 1))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of every pixel, in the shape of x."""
        normalised = self.norm(x)
        return self.q(normalised), self.k(normalised), self.v(normalised)


class SpatialAttention(CausalAttention):
    """Every pixel attends to all pixels of its frame."""

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Same shape as x."""
        q, k, v = (fold(part) for part in self.project(x))
        return self.proj_out(unfold(attend(q, k, v), x.shape[0])).add_(x)


class TemporalAttention(CausalAttention):
    """Every pixel attends to itself in this frame and in all earlier ones."""

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        """Same shape as x."""
        attended = self._attend_within(x) if past is None else self._attend_to_past(x, past)
        return self.proj_out(attended).add_(x)

    def _attend_within(self, x: Tensor) -> Tensor:
        """A whole clip."""
        q, k, v = (_columns(part) for part in self.project(x))
        return _from_columns(F.scaled_dot_product_attention(q, k, v, is_causal=True), x.shape[0])

    def _attend_to_past(self, x: Tensor, past: Past) -> Tensor:
        """A chunk, and all that came before it, of which only the normalised input is kept: half of keys and values.

        With keys K n + b, a score q (K n + b) is (q K) n plus a term that is the same for every n and so drops out of
        the softmax. Values are projected after they are averaged, since their weights add up to 1.
        """
        normalised = self.norm(x)
        inputs = _columns(normalised)
        if kept := past.recall(self):
            inputs = torch.cat([*kept, inputs], dim=2)
        past.keep(self, inputs)
        key = self.k.conv3d.weight.squeeze(TIME)
        query = _columns(unfold(F.conv2d(fold(self.q(normalised)), key.transpose(0, 1)), x.shape[0]))
        earlier = inputs.shape[2] - query.shape[2]
        seen = torch.ones(query.shape[2], inputs.shape[2], dtype=torch.bool, device=x.device).tril(earlier)
        attended = F.scaled_dot_product_attention(query, inputs, inputs, attn_mask=seen)
        return self.v(_from_columns(attended, x.shape[0]))


class CausalSpatioTemporalAttn(CausalSequential):
    """Factorised attention: over space, then over time."""

    def __init__(self, channels: int) -> None:
        super().__init__(SpatialAttention(channels), TemporalAttention(channels))


def _columns(x: Tensor) -> Tensor:
    """B x C x T x H x W -> BH x W x T x C: pixels as heads, of which a kernel takes no more than 65535 an axis."""
    return x.permute(0, 3, 4, 2, 1).flatten(0, 1).contiguous()


def _from_columns(columns: Tensor, batch: int) -> Tensor:
    """BH x W x T x C -> B x C x T x H x W."""
    return columns.unflatten(0, (batch, -1)).permute(0, 4, 3, 1, 2)
