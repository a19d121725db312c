"""Blocks of 8 x 8 pixels that strong compression leaves behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.screening.lines import lines

BLOCK = 8
# In levels of 255: no single edge of the scene outweighs the faint ones of many blocks.
MOST = 16
# A quarter of a level, so that the little that flat pictures have does not decide.
_FLOOR = 0.25


class Blockiness:
    """How much stronger differences of neighbouring pixels are on the 8 x 8 grid than off it.

    The differences, none counted as more than 16 levels, are averaged over all frames for each of the 8 places that a
    grid can have, along rows and along columns. A direction's score is the largest average over their median, less 1;
    the clip's is the mean of the two directions. So the grid may lie anywhere, as long as it stays there.

    Source:
        Wang, Sheikh and Bovik 2002, "No-reference perceptual quality assessment of JPEG compressed images" (averages
        on and off the grid); Muijs and Kirenko 2005, "A no-reference blocking artifact measure for adaptive video
        processing" (grids of unknown offset).
    """

    def __init__(self) -> None:
        self._sums = [np.zeros(BLOCK), np.zeros(BLOCK)]
        self._frames = 0

    def update(self, luma: NDArray[np.uint8]) -> None:
        """Take a frame's luma, uint8 H x W."""
        self._frames += 1
        for sums, rows in zip(self._sums, lines(luma), strict=True):
            profile = np.minimum(np.abs(np.diff(rows, axis=1)), MOST).mean(axis=0)
            sums += [profile[place::BLOCK].mean() for place in range(BLOCK)]

    def value(self) -> float:
        """0 or more; 0.05 is usual, 1 means twice as strong."""
        averages = [sums / self._frames + _FLOOR for sums in self._sums]
        return float(np.mean([places.max() / np.median(places) - 1 for places in averages]))
