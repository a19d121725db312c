"""SSIM of two planes under any separable window, in one pass. Importing this module loads numba.

Each row is filtered along its length once and kept until no window needs it any more; the rows in a window are then
added up. All inner loops run over a row's positions, so that LLVM can vectorise them. Means over positions are summed
column by column in float64: a score is the same for every vector width and thread count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.jit import kernel

_f32 = np.float32

# Variances do not change when all values are shifted, and float32 keeps more of them near 0.
_SHIFT = _f32(128)
_TWO = _f32(2)


@kernel
def plane_similarity(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    weights: NDArray[np.float32],
    c1: np.float32,
    c2: np.float32,
    factor: np.float32,
) -> tuple[float, float]:
    """SSIM, and its second factor alone, of all windows that lie inside a plane.

    Args:
        x: H x W, float32, [0, 255], contiguous; H and W at least as large as the window.
        y: the same shape.
        weights: of one axis of the window.
        c1: constant of the means.
        c2: constant of the variances.
        factor: of variances and covariance.

    Returns:
        Means over the positions. Identical planes give exactly 1.
    """
    height, width = x.shape
    size = weights.size
    columns = width - size + 1
    values = np.empty((4, width), np.float32)
    rows = np.empty((size, 4, columns), np.float32)
    window = np.empty((4, columns), np.float32)
    scores = np.zeros((2, columns), np.float64)
    for row in range(height):
        _multiply(x[row], y[row], values)
        _filter(values, weights, rows[row % size])
        if row >= size - 1:
            window[:] = _f32(0)
            for k in range(size):
                _add(rows[(row + 1 + k) % size], weights[k], window)
            _add_scores(window, c1, c2, factor, scores)
    positions = (height - size + 1) * columns
    return scores[0].sum() / positions, scores[1].sum() / positions


@kernel
def _multiply(x: NDArray[np.float32], y: NDArray[np.float32], values: NDArray[np.float32]) -> None:
    """The four quantities whose windowed means make SSIM: x, y, x * x + y * y and x * y, all shifted."""
    for i in range(x.size):
        a, b = x[i] - _SHIFT, y[i] - _SHIFT
        values[0, i] = a
        values[1, i] = b
        values[2, i] = a * a + b * b
        values[3, i] = a * b


@kernel
def _filter(values: NDArray[np.float32], weights: NDArray[np.float32], means: NDArray[np.float32]) -> None:
    means[:] = _f32(0)
    for quantity in range(4):
        source, target = values[quantity], means[quantity]
        for k in range(weights.size):
            weight = weights[k]
            part = source[k : k + target.size]
            for i in range(target.size):
                target[i] += weight * part[i]


@kernel
def _add(means: NDArray[np.float32], weight: np.float32, window: NDArray[np.float32]) -> None:
    for quantity in range(4):
        source, target = means[quantity], window[quantity]
        for i in range(target.size):
            target[i] += weight * source[i]


@kernel
def _add_scores(
    window: NDArray[np.float32], c1: np.float32, c2: np.float32, factor: np.float32, scores: NDArray[np.float64]
) -> None:
    for i in range(window.shape[1]):
        x, y = window[0, i], window[1, i]
        covariance = (window[3, i] - x * y) * factor
        variances = (window[2, i] - (x * x + y * y)) * factor
        contrast = (_TWO * covariance + c2) / (variances + c2)
        x, y = x + _SHIFT, y + _SHIFT
        luminance = (_TWO * (x * y) + c1) / (x * x + y * y + c1)
        scores[0, i] += luminance * contrast
        scores[1, i] += contrast
