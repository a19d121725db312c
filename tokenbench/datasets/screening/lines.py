"""Rows and columns of a picture, as one-dimensional measures read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_LINES = 270


def lines(luma: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Evenly spaced rows, and columns laid as rows, not many more than 270 of each, so that large pictures cost little.

    Args:
        luma: uint8 H x W.

    Returns:
        int64 n x W and m x H, [0, 255].
    """
    return _some(luma), _some(luma.T)


def _some(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    step = max(1, len(rows) // MOST_LINES)
    return np.ascontiguousarray(rows[step // 2 :: step]).astype(np.int64)
