"""Rectangles as squares: a network that takes squares only sees a frame tile by tile."""

from __future__ import annotations

import math

from torch import Tensor

# Attention windows are 8 x 8 tokens of 8 x 8 pixels.
SMALLEST = 64


def tile_side(height: int, width: int, longest: int) -> int:
    """Side of the largest squares that cover a rectangle exactly, in pixels: a multiple of 64, `longest` at most.

    Args:
        height: a multiple of 64.
        width: a multiple of 64.
        longest: likewise.
    """
    common = math.gcd(height, width)
    return max(side for side in range(SMALLEST, min(common, longest) + 1, SMALLEST) if common % side == 0)


def cut(x: Tensor, side: int) -> Tensor:
    """B x ... x H x W to (B rows columns) x ... x side x side; rows of tiles first."""
    tiles = x.unflatten(-2, (-1, side)).unflatten(-1, (-1, side))
    return tiles.movedim((-4, -2), (1, 2)).flatten(0, 2)


def join(tiles: Tensor, rows: int, columns: int) -> Tensor:
    """The inverse of `cut`."""
    return tiles.unflatten(0, (-1, rows, columns)).movedim((1, 2), (-4, -2)).flatten(-2).flatten(-3, -2)
