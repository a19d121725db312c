"""SSIM with any separable window, of frames in the CPU's memory. `windowed_torch` does the same on a device."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tokenbench.parallel import each

Planes = NDArray[np.float32]

# Wang et al. 2004: K1, K2.
K1, K2 = 0.01, 0.03


@cache
def gaussian(size: int = 11, sigma: float = 1.5) -> tuple[float, ...]:
    """The weights of one axis, which add up to 1; by default those of Wang et al. 2004."""
    weights = [math.exp(-((i - size // 2) ** 2) / (2 * sigma**2)) for i in range(size)]
    return tuple(weight / sum(weights) for weight in weights)


@cache
def uniform(size: int = 7) -> tuple[float, ...]:
    """Equal weights of one axis, which add up to 1."""
    return (1 / size,) * size


def similarity(
    x: Planes, y: Planes, weights: tuple[float, ...], data_range: float, *, sample: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SSIM, and its second factor alone ("contrast and structure"), of windows that lie inside the frame.

    Args:
        x: C x H x W, float32, [0, 255]; H and W at least as large as the window.
        y: the same shape.
        weights: of one axis of the window.
        data_range: in the units of `x`.
        sample: multiply variances and covariance by n / (n - 1), for n values in a window.

    Returns:
        Means over the positions, C each. Identical frames give exactly 1.

    Source:
        Wang et al. 2004, equation 13, with C3 = C2 / 2.
    """
    # Imported here, because loading numba takes half a second that only scoring should cost.
    from tokenbench.metrics.window_kernel import plane_similarity

    n = len(weights) ** 2
    factor = n / (n - 1) if sample else 1.0
    constants = [np.float32(value) for value in ((K1 * data_range) ** 2, (K2 * data_range) ** 2, factor)]
    window = np.array(weights, np.float32)

    def score(pair: tuple[Planes, Planes]) -> tuple[float, float]:
        return plane_similarity(*pair, window, *constants)

    ssim, contrast = zip(*each(score, zip(np.ascontiguousarray(x), np.ascontiguousarray(y), strict=True)), strict=True)
    return np.array(ssim), np.array(contrast)


def halved(x: Planes) -> Planes:
    """Means of 2 x 2 pixels of C x H x W.

    An odd side gets a zero on each end, which counts, as in pytorch-msssim; what is left over at the end is dropped.
    """
    height, width = x.shape[1:]
    x = np.pad(x, ((0, 0), (height % 2,) * 2, (width % 2,) * 2))
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    rows = x[:, ::2] + x[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
