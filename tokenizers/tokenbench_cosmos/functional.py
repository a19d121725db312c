"""Arithmetic that both families of networks share, on B x C x H x W in any memory format."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Pixels whose attention is written out at once.
_PIXELS_AT_ONCE = 1024


def normalise(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Group normalisation over C / groups, H and W."""
    if x.device.type == "cpu" and x.dtype == torch.float32:
        # The CPU's channels-last kernel takes E[x^2] - E[x]^2, which cancels where a mean is large; shifting a
        # group by its mean changes nothing else.
        means = x.mean((2, 3)).unflatten(1, (norm.num_groups, -1)).mean(2, keepdim=True)
        x = x - means.expand(-1, -1, x.shape[1] // norm.num_groups).flatten(1)[:, :, None, None]
    return F.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps)


def activate(x: Tensor) -> Tensor:
    """SiLU of a map that nobody else reads."""
    return F.silu(x, inplace=True)


def conv_of_doubled(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 3 x 3 convolution, zero-padded by 1, of x doubled by nearest neighbour: B x C x H x W -> B x O x 2H x 2W.

    The doubled map is never made: an output pixel sees only 2 x 2 pixels of x, each through the sum of the taps that
    fall on it, which is 4 / 9 of the arithmetic. The four positions of an output pixel in its pair of rows and columns
    take a 2 x 2 convolution each.
    """
    height, width = x.shape[2:]
    rows = []
    for row in (0, 1):
        taps = _pair_of_taps(weight, 2, row)
        columns = []
        for column in (0, 1):
            pixels = F.conv2d(x, _pair_of_taps(taps, 3, column), bias, padding=1)
            columns.append(pixels[:, :, row : row + height, column : column + width].permute(0, 2, 3, 1))
        rows.append(torch.stack(columns, dim=3).flatten(2, 3))
    return torch.stack(rows, dim=2).flatten(1, 2).permute(0, 3, 1, 2)


def _pair_of_taps(weight: Tensor, axis: int, second: int) -> Tensor:
    """Three taps on doubled pixels as two taps on the pixels themselves.

    The first pixel of a pair sees the end of the pair before it and all of its own; the second one sees all of its own
    and the start of the next.
    """
    before, here, after = weight.split(1, dim=axis)
    return torch.cat([before + here, after] if second else [before, here + after], dim=axis)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every pixel attends to all pixels of its map: query, key and value, B x C x H x W each."""
    query, key, value = (_as_rows(part) for part in (q, k, v))
    by_rows = query.device.type == "cpu" and query.dtype == torch.bfloat16
    attended = (_attend_by_rows if by_rows else F.scaled_dot_product_attention)(query, key, value)
    return attended.squeeze(1).transpose(1, 2).unflatten(2, q.shape[2:])


def _as_rows(x: Tensor) -> Tensor:
    """B x C x H x W -> B x 1 x HW x C, as the fused attention kernels want it."""
    return x.flatten(2).transpose(1, 2).contiguous().unsqueeze(1)


def _attend_by_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention written out, B x 1 x N x C each, for a block of pixels at a time.

    In bfloat16 the CPU's matrix products are twice as fast as its fused kernel (2 cores, torch 2.15).
    """
    scale = query.shape[-1] ** -0.5
    blocks = [((block * scale) @ key.mT).softmax(-1) @ value for block in query.split(_PIXELS_AT_ONCE, dim=2)]
    return torch.cat(blocks, dim=2)
