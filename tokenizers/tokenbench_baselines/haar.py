"""Analytic tokenizers: the Cosmos networks' Haar front end without a network behind it.

The 2-level Haar transform of the paper turns 4 x 4 (x 4) pixels into as many bands. Here the four patches of an 8 x 8
cell are joined by one more spatial step, colours are rotated to one luma and two chroma axes, and the 16
coefficients that carry most of natural video are kept. The transform is orthonormal, so its transpose inverts it, and
the rest is lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from tokenbench.tokenizer import TokenizerInfo
from tokenbench_baselines.linear import LinearImage, LinearVideo

# Kept coefficients as (colour, band along T, H, W). Colour 0 is luma. Band 0 is the mean. Along H and W band 1 tells
# the two patches apart, 2 and 3 are the coarse differences inside them; along T band 1 is the coarse difference, 2
# and 3 are the fine ones.
_COARSE_PICTURE = [(0, 0, h, w) for h in (0, 1) for w in (0, 1)]
_EDGES = [(0, 0, 0, 2), (0, 0, 0, 3), (0, 0, 2, 0), (0, 0, 3, 0)]
_VIDEO_BANDS = [
    *_COARSE_PICTURE,
    *_EDGES,
    *[(0, 1, h, w) for h in (0, 1) for w in (0, 1)],
    *[(0, 2, 0, 0), (0, 3, 0, 0)],
    *[(1, 0, 0, 0), (2, 0, 0, 0)],
]
_IMAGE_BANDS = [
    *_COARSE_PICTURE,
    *_EDGES,
    *[(0, 0, 1, 2), (0, 0, 1, 3), (0, 0, 2, 1), (0, 0, 3, 1)],
    *[(1, 0, 0, 0), (1, 0, 0, 1), (1, 0, 1, 0), (2, 0, 0, 0)],
]

# Rows: luma and two chroma axes, orthonormal (Ohta, Kanade and Sakai 1980, I1 to I3).
_COLOUR = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 2.0, -1.0]], dtype=torch.float64)
_COLOUR = _COLOUR / _COLOUR.norm(dim=1, keepdim=True)


def load(info: TokenizerInfo, *, device: torch.device, dtype: torch.dtype, **_: Any) -> LinearVideo | LinearImage:
    """The tokenizer of a card."""
    basis = haar_basis(info.compression).to(device, dtype)
    made = LinearVideo if info.compression[0] > 1 else LinearImage
    return made(info, basis, torch.zeros(basis.shape[1], device=device, dtype=dtype))


@cache
def haar_basis(compression: tuple[int, int, int]) -> Tensor:
    """The kept basis functions, orthonormal: 16 x (t h w 3), float64."""
    along = [_haar_matrix(size) for size in compression]
    bands = _VIDEO_BANDS if compression[0] > 1 else _IMAGE_BANDS
    rows = [
        torch.einsum("t,h,w,c->thwc", along[0][t], along[1][h], along[2][w], _COLOUR[colour]).flatten()
        for colour, t, h, w in bands
    ]
    return torch.stack(rows)


def _haar_matrix(size: int) -> Tensor:
    """Orthonormal Haar matrix of a power of two; rows from the mean to the finest differences."""
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while len(matrix) < size:
        finer = torch.eye(len(matrix), dtype=torch.float64)
        mean, difference = torch.tensor([[[1.0, 1.0]], [[1.0, -1.0]]], dtype=torch.float64)
        matrix = torch.cat([torch.kron(matrix, mean), torch.kron(finer, difference)]) / 2**0.5
    return matrix
