"""The error of every pixel as a colour, on one scale for all tokenizers."""

from __future__ import annotations

from functools import cache

import matplotlib
import numpy as np
from numpy.typing import NDArray

from tokenbench.reporting.pictures import ERROR_COLOURS, ERROR_GAIN, error_map


def heat_map(reference: NDArray[np.uint8], reconstruction: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours of `|reference - reconstruction|`, mean over the channels, times `ERROR_GAIN`, at most 255.

    The same scale as in reports, but never scaled down: one pixel of the map is one of the frame.

    Args:
        reference: H x W x 3, 0 to 255.
        reconstruction: like it.

    Returns:
        H x W x 3.
    """
    levels = np.rint(error_map(reference, reconstruction) * ERROR_GAIN).clip(0, 255).astype(np.uint8)
    return _palette()[levels]


@cache
def _palette() -> NDArray[np.uint8]:
    colours = matplotlib.colormaps[ERROR_COLOURS](np.arange(256), bytes=True)
    return np.ascontiguousarray(colours[:, :3], dtype=np.uint8)
