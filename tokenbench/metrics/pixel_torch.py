"""Squared error and SSIM of frames that lie on an accelerator, scored there.

The same whole numbers as those of `tokenbench.metrics.kernels`, which tells how they are defined and why they are
exact: window sums in int32, the same float32 operations in the same order, the same fixed point. So a clip's scores
do not depend on the device. Torch rounds each operation by itself; it fuses none of these.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from tokenbench.metrics.frames import CHANNELS
from tokenbench.metrics.pixel import SSIM_ONE, WINDOW

_N = WINDOW * WINDOW
_MARGIN = WINDOW - 1
_MEANS_CONSTANT = (0.01 * 255) ** 2 * _N**2
_VARIANCES_CONSTANT = (0.03 * 255) ** 2 * _N * (_N - 1)

# Some twenty int32 or float32 maps of so many values are alive at a time: 170 MB. A 1080p frame passes in three parts.
_VALUES_AT_ONCE = 2**21


def score_frames(x: Tensor, y: Tensor) -> list[tuple[int, int]]:
    """Squared error and SSIM of every frame pair; only these come back from the device, all at once.

    Args:
        x: T x H x W x 3, uint8, [0, 255], on any device and in any memory order; H and W at least `WINDOW` (not
            checked here).
        y: the same shape, on the same device.

    Returns:
        For each frame pair the sum of squared differences over all values, and the sum of SSIM over the (H - 6) x
        (W - 6) window positions and the channels, in units of `1 / SSIM_ONE`.

    Source:
        `tokenbench.metrics.kernels.score_frame`.
    """
    frames, height, width, _ = x.shape
    rows = max(1, _VALUES_AT_ONCE // (width * CHANNELS))
    together = max(1, rows // height)
    scores = torch.zeros(frames, 2, dtype=torch.int64, device=x.device)
    for first in range(0, frames, together):
        some = slice(first, first + together)
        for top in range(0, height, rows):
            own, windows = slice(top, top + rows), slice(top, top + rows + _MARGIN)
            scores[some, 0] += _squared_errors(x[some, own], y[some, own])
            if height - top > _MARGIN:
                scores[some, 1] += _ssims(x[some, windows], y[some, windows])
    return [cast(tuple[int, int], tuple(pair)) for pair in scores.tolist()]


def _squared_errors(x: Tensor, y: Tensor) -> Tensor:
    """T x h x W x 3 each to T sums, int64."""
    difference = x.int() - y.int()
    return difference.square_().sum(dim=(1, 2, 3), dtype=torch.int64)


def _ssims(x: Tensor, y: Tensor) -> Tensor:
    """T x h x W x 3 each to T sums over (h - 6) x (W - 6) x 3 positions, in fixed point, int64."""
    a, b = x.int(), y.int()
    # Two sums in one number, that of x in its low 16 bits.
    sums = _window_sums(a | (b << 16))
    products = _window_sums(a * b)
    squares = _window_sums(a * a + b * b)
    x_sums, y_sums = sums & 0xFFFF, sums >> 16
    xy = x_sums * y_sums
    xx_yy = x_sums * x_sums + y_sums * y_sums
    covariance = _N * products - xy
    variances = _N * squares - xx_yy
    above = ((2 * xy).float() + _MEANS_CONSTANT) * ((2 * covariance).float() + _VARIANCES_CONSTANT)
    below = (xx_yy.float() + _MEANS_CONSTANT) * (variances.float() + _VARIANCES_CONSTANT)
    return (above / below * SSIM_ONE).int().sum(dim=(1, 2, 3), dtype=torch.int64)


def _window_sums(values: Tensor) -> Tensor:
    """T x h x W x 3 to the sums of its 7 x 7 windows, T x (h - 6) x (W - 6) x 3."""
    return _neighbours(_neighbours(values, dim=1), dim=2)


def _neighbours(values: Tensor, dim: int) -> Tensor:
    """The sums of seven neighbours along one axis."""
    count = values.shape[dim] - _MARGIN
    sums = values.narrow(dim, 0, count).clone()
    for offset in range(1, WINDOW):
        sums += values.narrow(dim, offset, count)
    return sums
