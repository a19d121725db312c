"""Luma of a frame, and the spreads that ITU-T P.910 takes of it. Importing this module loads numba.

All inner loops run along a row, so that LLVM can vectorise them. Roots are summed column by column in float64, and all
else in whole numbers: a trait is the same for every vector width and thread count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.jit import kernel

_i32 = np.int32

# ITU-R BT.601's 0.299, 0.587 and 0.114 in 65536ths, as Pillow's mode L and libjpeg have them.
_RED, _GREEN, _BLUE, _HALF = _i32(19595), _i32(38470), _i32(7471), _i32(32768)


@kernel
def luma_of(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The luma of a frame H x W x 3, uint8, contiguous: H x W, full range."""
    height, width, channels = frame.shape
    luma = np.empty((height, width), np.uint8)
    rows = frame.reshape(height, width * channels)
    for row in range(height):
        values, levels = rows[row], luma[row]
        for i in range(width):
            # numba widens every int32 result to int64; casting it back lets LLVM work on twice as many lanes.
            red, green = _i32(_RED * _i32(values[3 * i])), _i32(_GREEN * _i32(values[3 * i + 1]))
            blue = _i32(_BLUE * _i32(values[3 * i + 2]))
            levels[i] = _i32(_i32(_i32(red + green) + blue) + _HALF) >> 16
    return luma


@kernel
def edge_spread(luma: NDArray[np.uint8]) -> float:
    """Standard deviation of the length of Sobel's gradient over all pixels but the outermost; H and W at least 3."""
    height, width = luma.shape
    lengths = np.zeros(width - 2, np.float64)
    squares = 0
    for row in range(1, height - 1):
        above, here, below = luma[row - 1], luma[row], luma[row + 1]
        in_row = 0
        for i in range(width - 2):
            left = _i32(above[i]) + _i32(2) * _i32(here[i]) + _i32(below[i])
            right = _i32(above[i + 2]) + _i32(2) * _i32(here[i + 2]) + _i32(below[i + 2])
            top = _i32(above[i]) + _i32(2) * _i32(above[i + 1]) + _i32(above[i + 2])
            bottom = _i32(below[i]) + _i32(2) * _i32(below[i + 1]) + _i32(below[i + 2])
            square = (right - left) * (right - left) + (bottom - top) * (bottom - top)
            in_row += int(square)
            lengths[i] += np.sqrt(np.float64(square))
        squares += in_row
    count = (height - 2) * (width - 2)
    mean = lengths.sum() / count
    return np.sqrt(max(0.0, squares / count - mean * mean))


@kernel
def change_spread(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Standard deviation over all pixels of the change from one luma H x W to the next."""
    height, width = before.shape
    total, squares = 0, 0
    for row in range(height):
        first, second = before[row], after[row]
        for i in range(width):
            change = _i32(second[i]) - _i32(first[i])
            total += int(change)
            squares += int(change * change)
    count = height * width
    mean = total / count
    return np.sqrt(max(0.0, squares / count - mean * mean))


@kernel
def level_sum(luma: NDArray[np.uint8]) -> int:
    """The sum of all levels."""
    total = 0
    for row in range(luma.shape[0]):
        for level in luma[row]:
            total += level
    return total
