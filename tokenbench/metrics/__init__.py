"""Metrics: how close a reconstruction is to its reference.

Per clip, `PixelScores` adds up PSNR and SSIM chunk by chunk; `psnr` and `ssim` score clips that are in
memory; `seam` tells what independent windows cost at their borders. `METRICS` lists everything that can be measured.

    >>> import numpy as np
    >>> clip = np.zeros((2, 16, 16, 3), np.uint8)
    >>> ssim(clip, clip)
    1.0

Importing this package costs neither torch nor numba; the latter is loaded with the first score.
"""

from __future__ import annotations

from tokenbench.metrics.catalog import METRICS, MetricInfo
from tokenbench.metrics.functional import psnr, ssim
from tokenbench.metrics.pixel import PixelScores
from tokenbench.metrics.seam import seam

__all__ = ["METRICS", "MetricInfo", "PixelScores", "psnr", "seam", "ssim"]
