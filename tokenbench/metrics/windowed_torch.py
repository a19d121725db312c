"""What `windowed_ssim` does, for tensors on any device. Importing this module loads torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tokenbench.metrics.windowed_ssim import K1, K2

# Variances do not change when all values are shifted, and float32 keeps more of them near 0.
_SHIFT = 128


def similarity(x: Tensor, y: Tensor, weights: tuple[float, ...], data_range: float) -> tuple[Tensor, Tensor]:
    """SSIM and its second factor alone, as `windowed_ssim.similarity` has them, with population covariance.

    Args:
        x: C x H x W, float32, [0, 255]; H and W at least as large as the window.
        y: the same shape.
        weights: of one axis of the window.
        data_range: in the units of `x`.

    Returns:
        Means over the positions, C each, float64.
    """
    x, y = x - _SHIFT, y - _SHIFT
    mean_x, mean_y, squares, products = _filtered(torch.stack([x, y, x * x + y * y, x * y]), weights)
    covariance = products - mean_x * mean_y
    variances = squares - (mean_x * mean_x + mean_y * mean_y)
    mean_x, mean_y = mean_x + _SHIFT, mean_y + _SHIFT
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    contrast = (2 * covariance + c2) / (variances + c2)
    luminance = (2 * (mean_x * mean_y) + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    return _mean(luminance * contrast), _mean(contrast)


def halved(x: Tensor) -> Tensor:
    """Means of 2 x 2 pixels, as `windowed_ssim.halved` has them."""
    height, width = x.shape[1:]
    return F.avg_pool2d(x, kernel_size=2, padding=(height % 2, width % 2))


def _filtered(maps: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Sums of shifted copies, which a CPU adds up in a third of the time of a grouped convolution."""
    for axis in (-2, -1):
        positions = maps.shape[axis] - len(weights) + 1
        total = maps.narrow(axis, 0, positions) * weights[0]
        for start, weight in enumerate(weights[1:], 1):
            total.add_(maps.narrow(axis, start, positions), alpha=weight)
        maps = total
    return maps


def _mean(values: Tensor) -> Tensor:
    return values.mean((-2, -1), dtype=torch.float64)
