"""Squared error and SSIM of one pair of frames, in one pass and in whole numbers.

The loops run over rows of interleaved values (`W * 3` of them), so that one channel's neighbours lie three
values apart and LLVM can vectorise every loop. Window sums are exact in int32, and each position's SSIM is
cut to a fixed point before it is added. Integer sums do not depend on their order: a score is the same, bit
for bit, for every vector width, thread count and chunk length, and needs no `fastmath`.

Importing this module loads numba; an installation's first call compiles the kernels, which are then cached.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenbench.jit import kernel

CHANNELS = 3

# scikit-image's defaults for `structural_similarity`: a uniform window, K1 = 0.01, K2 = 0.03.
WINDOW = 7

# The fixed point: float32 has no finer steps than 2**-24 just below 1, so good scores lose nothing.
SSIM_ONE = 1 << 24

_N = WINDOW * WINDOW
_REACH = (WINDOW - 1) * CHANNELS
_MEANS_CONSTANT = np.float32((0.01 * 255) ** 2 * _N**2)
_VARIANCES_CONSTANT = np.float32((0.03 * 255) ** 2 * _N * (_N - 1))
_SCALE = np.float32(SSIM_ONE)

# At most 127 scores of up to 2**24 fit into an int32.
_ROWS_PER_FLUSH = 64

# At most 33,025 squares of up to 255**2 fit into an int32.
_SQUARES_PER_FLUSH = 32_768

# numba widens every int32 result to int64; casting it back lets LLVM work on twice as many lanes.
_i32 = np.int32
_f32 = np.float32


@kernel
def squared_error(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> int:
    """Sum of squared differences of two rows of values.

    Args:
        x: N values, uint8, [0, 255], contiguous.
        y: the same.

    Returns:
        The exact sum.
    """
    total = 0
    for start in range(0, x.size, _SQUARES_PER_FLUSH):
        x_part, y_part = x[start : start + _SQUARES_PER_FLUSH], y[start : start + _SQUARES_PER_FLUSH]
        part = _i32(0)
        for i in range(x_part.size):
            difference = _i32(x_part[i]) - _i32(y_part[i])
            part = _i32(part + _i32(difference * difference))
        total += int(part)
    return total


@kernel
def score_frame(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> tuple[int, int]:
    """Squared error and SSIM of one frame pair.

    Args:
        x: H x W x 3, uint8, [0, 255], contiguous; H and W at least `WINDOW` (not checked here).
        y: the same shape.

    Returns:
        The sum of squared differences over all values, and the sum of SSIM over the (H - 6) x (W - 6) window
        positions and the channels, in units of `1 / SSIM_ONE`. Identical frames give exactly `SSIM_ONE` each.

    Source:
        scikit-image `structural_similarity(x, y, data_range=255, channel_axis=-1)`: sample covariance, mean
        over the area 3 pixels inside the border.
    """
    height, width = x.shape[0], x.shape[1] * CHANNELS
    x_rows, y_rows = x.reshape(height, width), y.reshape(height, width)
    nothing = np.zeros(width, np.uint8)
    sums = np.zeros(width, np.int32)
    squares = np.zeros(width, np.int32)
    products = np.zeros(width, np.int32)
    scores = np.zeros(width - _REACH, np.int32)
    error, ssim = 0, 0
    for row in range(height):
        x_out, y_out = (x_rows[row - WINDOW], y_rows[row - WINDOW]) if row >= WINDOW else (nothing, nothing)
        _slide_down(x_rows[row], y_rows[row], x_out, y_out, sums, squares, products)
        error += squared_error(x_rows[row], y_rows[row])
        if row >= WINDOW - 1:
            _add_scores(sums, squares, products, scores)
        if row % _ROWS_PER_FLUSH == 0:
            ssim += _flush(scores)
    return error, ssim + _flush(scores)


@kernel
def _slide_down(
    x_in: NDArray[np.uint8],
    y_in: NDArray[np.uint8],
    x_out: NDArray[np.uint8],
    y_out: NDArray[np.uint8],
    sums: NDArray[np.int32],
    squares: NDArray[np.int32],
    products: NDArray[np.int32],
) -> None:
    """Move each column's sums one row down: a row of x and y comes in, another goes out.

    `sums` holds two sums in one number, that of x in the low 16 bits and that of y in the high ones (a whole
    window's needs 14). `squares` holds the sum of x * x + y * y, `products` that of x * y.
    """
    for i in range(x_in.size):
        a, b = _i32(x_in[i]), _i32(y_in[i])
        c, d = _i32(x_out[i]), _i32(y_out[i])
        sums[i] = _i32(sums[i] + (a | (b << 16)) - (c | (d << 16)))
        squares[i] = _i32(squares[i] + _i32(a * a) + _i32(b * b) - _i32(c * c) - _i32(d * d))
        products[i] = _i32(products[i] + _i32(a * b) - _i32(c * d))


@kernel
def _add_scores(
    sums: NDArray[np.int32],
    squares: NDArray[np.int32],
    products: NDArray[np.int32],
    scores: NDArray[np.int32],
) -> None:
    """Add one row of window positions to `scores`, in fixed point, from the column sums.

    Numerator and denominator of SSIM are multiplied by n**2 * n * (n - 1) for n = 49 values in a window.
    Their factors are then whole numbers below 2**31 until the constants come in, so that identical frames
    have equal numerators and denominators, and no score exceeds 1.
    """
    for i in range(scores.size):
        packed = _i32(_seven(sums, i))
        x, y = _i32(packed & 0xFFFF), _i32(packed >> 16)
        xy = _i32(x * y)
        xx_yy = _i32(_i32(x * x) + _i32(y * y))
        covariance = _i32(_i32(_N * _i32(_seven(products, i))) - xy)
        variances = _i32(_i32(_N * _i32(_seven(squares, i))) - xx_yy)
        above = (_f32(_i32(2 * xy)) + _MEANS_CONSTANT) * (_f32(_i32(2 * covariance)) + _VARIANCES_CONSTANT)
        below = (_f32(xx_yy) + _MEANS_CONSTANT) * (_f32(variances) + _VARIANCES_CONSTANT)
        scores[i] = _i32(scores[i] + _i32(above / below * _SCALE))


@njit(inline="always")
def _seven(columns: NDArray[np.int32], i: int) -> int:
    """The sum of seven neighbouring columns of one channel, from column `i` to the right."""
    return (
        columns[i]
        + columns[i + 3]
        + columns[i + 6]
        + columns[i + 9]
        + columns[i + 12]
        + columns[i + 15]
        + columns[i + 18]
    )


@kernel
def _flush(scores: NDArray[np.int32]) -> int:
    """The sum of `scores`, which are set to zero."""
    total = 0
    for i in range(scores.size):
        total += scores[i]
        scores[i] = 0
    return total
