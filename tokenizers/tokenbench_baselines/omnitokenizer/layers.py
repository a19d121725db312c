"""The layers of OmniTokenizer's transformers, on tokens N x L x 512.

Over space, N is B T and L is H W, both row-major; over time, N is B H W and L is T. Names of parameters are those of
the released state dicts; what released networks own and do not use is here so that they load.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 512
HEADS = 8
HEAD_WIDTH = WIDTH // HEADS
WINDOW = 8
_HIDDEN = int(4 * 2 / 3 * WIDTH)
_LOGIT_SCALE = 8.0
_ROTARY_BASE = 10000.0

# B, T, H, W of tokens.
Grid = tuple[int, int, int, int]


class Norm(nn.Module):
    """Layer normalisation without a learned bias: `beta` is a buffer of zeros."""

    beta: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(WIDTH))
        self.register_buffer("beta", torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return F.layer_norm(x, (WIDTH,), self.gamma, self.beta)


class PositionGenerator(nn.Module):
    """A depthwise 3 x 3 x 3 convolution that tells tokens where they are; it sees two frames back and none ahead.

    The tokens are read as B x T x H x W x 512 in the order in which they lie in memory. That is their order in a
    transformer over space. In one over time they lie as B x H x W x T x 512, so that neighbours in this convolution are
    none in the clip, and later frames reach earlier ones. Released networks were trained so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dsconv = nn.Conv3d(WIDTH, WIDTH, 3, groups=WIDTH)

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """N x L x 512 to the same shape."""
        cells = x.reshape(*grid, WIDTH).movedim(-1, 1)
        return self.dsconv(F.pad(cells, (1, 1, 1, 1, 2, 0))).movedim(1, -1).reshape(x.shape)


class Attention(nn.Module):
    """Attention with normalised queries and keys; keys and values come from what is not layer-normalised.

    Args:
        temporal: over time, where a token sees itself and what came before; over space it sees all tokens of its frame
            and knows positions by rotation.
    """

    def __init__(self, *, temporal: bool) -> None:
        super().__init__()
        self.temporal = temporal
        self.norm = Norm()
        self.context_norm = Norm()
        self.to_q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_kv = nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.to_out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.q_scale = nn.Parameter(torch.ones(HEAD_WIDTH))
        self.k_scale = nn.Parameter(torch.ones(HEAD_WIDTH))
        if temporal:
            self.spatial_rel_pos_bias = UnusedBias()

    def forward(self, x: Tensor) -> Tensor:
        """N x L x 512 to the same shape."""
        q, k, v = (_heads(part) for part in (self.to_q(self.norm(x)), *self.to_kv(x).chunk(2, dim=-1)))
        if not self.temporal:
            q, k = rotate(q), rotate(k)
        q = F.normalize(q, dim=-1) * self.q_scale
        k = F.normalize(k, dim=-1) * self.k_scale
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=self.temporal, scale=_LOGIT_SCALE)
        return self.to_out(_from_heads(attended))


class UnusedBias(nn.Module):
    """A bias by position that released networks own; the attention that their results come from did not add it."""

    def __init__(self) -> None:
        super().__init__()
        first, second = nn.Sequential(nn.Linear(2, WIDTH)), nn.Sequential(nn.Linear(WIDTH, WIDTH))
        self.net = nn.ModuleList([first, second, nn.Linear(WIDTH, HEADS)])


class WindowAttention(nn.Module):
    """Attention within windows of 8 x 8 tokens of a frame, with a learned bias by relative position (Swin)."""

    relative_position_index: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm = Norm()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, HEADS))
        self.register_buffer("relative_position_index", relative_positions())

    def forward(self, x: Tensor) -> Tensor:
        """N x L x 512 to the same shape; L is the square of a multiple of 8."""
        across = math.isqrt(x.shape[1]) // WINDOW
        cells = self.norm(x).unflatten(1, (across, WINDOW, across, WINDOW)).transpose(2, 3)
        windows = cells.reshape(-1, WINDOW**2, WIDTH)
        q, k, v = (_heads(part) for part in self.qkv(windows).chunk(3, dim=-1))
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.proj(_from_heads(attended)).view(cells.shape).transpose(2, 3).reshape(x.shape)


class GatedGelu(nn.Module):
    """The first half, gated by the second."""

    def forward(self, x: Tensor) -> Tensor:
        """N x L x 2h to N x L x h."""
        values, gate = x.chunk(2, dim=-1)
        return values * F.gelu(gate)


class FeedForward(nn.Sequential):
    """Two linear layers around a gate."""

    def __init__(self) -> None:
        super().__init__(
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 2 * _HIDDEN, bias=False),
            GatedGelu(),
            nn.Identity(),
            nn.Linear(_HIDDEN, WIDTH, bias=False),
        )


def rotate(x: Tensor) -> Tensor:
    """Rotary positions of a square of tokens: even pairs of features turn with the column, odd ones with the row.

    Args:
        x: N x heads x S^2 x 64.
    """
    side = math.isqrt(x.shape[2])
    # In whole numbers up to here: half precision cannot tell positions apart.
    place = torch.arange(side * side, device=x.device)
    places = torch.stack([place % side, place // side], dim=-1).float()
    powers = torch.arange(0, HEAD_WIDTH, 4, device=x.device) / HEAD_WIDTH
    # tokens x frequencies x (column, row)
    angles = (places[:, None] * (1.0 / _ROTARY_BASE**powers)[:, None]).flatten(1)
    pairs = x.to(torch.promote_types(x.dtype, torch.float32)).unflatten(-1, (-1, 2))
    turned = torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def relative_positions() -> Tensor:
    """Row of the bias table for each query and key of a window, int64 64 x 64."""
    rows, columns = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
    places = torch.stack([rows.flatten(), columns.flatten()])
    down, right = places[:, :, None] - places[:, None] + WINDOW - 1
    return down * (2 * WINDOW - 1) + right


def _heads(x: Tensor) -> Tensor:
    """N x L x 512 -> N x heads x L x 64."""
    return x.unflatten(-1, (HEADS, HEAD_WIDTH)).transpose(1, 2)


def _from_heads(x: Tensor) -> Tensor:
    """N x heads x L x 64 -> N x L x 512."""
    return x.transpose(1, 2).flatten(-2)
