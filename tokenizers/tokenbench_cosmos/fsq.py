"""Finite scalar quantisation: six bounded numbers, each rounded to one of a few levels, are one of 64,000 codes.

Source: Mentzer et al. 2023 (arXiv 2309.15505), with the constants of the released Cosmos networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Keeps the outermost levels reachable by a finite input.
_EPSILON = 1e-3


class FSQuantizer(nn.Module):
    """Numbers to codes and back; arithmetic is float32 whatever the network's dtype, as in the released networks.

    Codes lie in [-1, 1], on `levels` points an axis; an index counts the points with the first axis fastest.

    Args:
        levels: of every dimension.
    """

    _levels: Tensor
    _basis: Tensor
    implicit_codebook: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        basis = [math.prod(levels[:dimension]) for dimension in range(len(levels))]
        self.register_buffer("_levels", torch.tensor(levels, dtype=torch.int32))
        self.register_buffer("_basis", torch.tensor(basis, dtype=torch.int32))
        # Not read: released files keep the table, which `codes` computes.
        indices = torch.arange(math.prod(levels), dtype=torch.int32)
        self.register_buffer("implicit_codebook", self.codes(indices).T.contiguous())

    def forward(self, z: Tensor) -> Tensor:
        """Quantise with a straight-through gradient: B x D x ..., any range -> codes of the same shape and dtype."""
        bounded = self._bound(z)
        # In this order the codes are exact: what carries the gradient adds zero.
        rounded = bounded.round() + (bounded - bounded.detach())
        return (rounded / self._axis(self._levels // 2, z)).to(z.dtype)

    def indices(self, z: Tensor) -> Tensor:
        """B x D x ... -> int32 B x ..., 0 to 63,999."""
        steps = self._bound(z).round().int() + self._axis(self._levels // 2, z)
        return (steps * self._axis(self._basis, z)).sum(1, dtype=torch.int32)

    def codes(self, indices: Tensor) -> Tensor:
        """Int B x ..., 0 to 63,999 -> float32 codes, B x D x ...; a plain row of indices N gives D x N."""
        axis = min(indices.dim() - 1, 1) if indices.dim() > 1 else 0
        shape = (-1, *[1] * (indices.dim() - axis))
        levels, basis = self._levels.view(shape), self._basis.view(shape)
        half = levels // 2
        steps = (indices.unsqueeze(axis) // basis) % levels
        return (steps - half).float() / half

    def _bound(self, z: Tensor) -> Tensor:
        """Squash each dimension to just beyond its outermost levels, float32."""
        levels = self._axis(self._levels, z).float()
        half = (levels - 1) * (1 + _EPSILON) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        return (z.float() + (offset / half).atanh()).tanh() * half - offset

    @staticmethod
    def _axis(values: Tensor, z: Tensor) -> Tensor:
        """One value a dimension, along axis 1 of z."""
        return values.view(-1, *[1] * (z.dim() - 2))
