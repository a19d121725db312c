"""Blur without a reference: how little a picture loses when it is blurred once more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.screening.lines import lines

WINDOW = 9


class Blur:
    """The blur effect, along rows and along columns, the larger of the two.

    In one direction: 1 less the share of the differences between neighbouring pixels that is lost when the picture is
    blurred by a box of 9 pixels. Large pictures are measured on every n-th row and column. Noise looks sharp.

    Source:
        Crete, Dolmiere, Ladret and Nicolas 2007, "The blur effect: perception and estimation with a new no-reference
        perceptual blur metric".
    """

    def __init__(self) -> None:
        self._frames: list[float] = []

    def update(self, luma: NDArray[np.uint8]) -> None:
        """Take a frame's luma, uint8 H x W."""
        self._frames.append(max(_along_rows(rows) for rows in lines(luma)))

    def value(self) -> float:
        """Median over frames, in [0, 1]; 1 where there is nothing to see."""
        return float(np.median(self._frames))


def _along_rows(rows: NDArray[np.int64]) -> float:
    sums = np.cumsum(rows, axis=1)
    blurred = (sums[:, WINDOW:] - sums[:, :-WINDOW]) / WINDOW
    margin = WINDOW // 2 + 1
    sharp = np.abs(np.diff(rows[:, margin : margin + blurred.shape[1]], axis=1))
    lost = np.maximum(sharp - np.abs(np.diff(blurred, axis=1)), 0)
    total = float(sharp.sum())
    return 1 - float(lost.sum()) / total if total else 1.0
