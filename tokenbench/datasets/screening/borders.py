"""Burnt-in bars: letterboxes, pillarboxes and frames of one colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# In levels of 255: what compression adds to one colour.
SAME_COLOUR = 10
# Shares of a line: every line of a bar has so much of its colour (subtitles may stand in it), most lines nearly all,
# and at its end the colour falls by so much.
IN_BAR = 0.6
IN_MOST = 0.95
DROP = 0.5
# In lines: compression smears the edge of a bar over a transform block.
EDGE = 8


class Borders:
    """Bars of one colour at the picture's sides that never change.

    A pixel belongs to a side's bar if all frames have it within 10 levels of the side's outermost line. Such pixels
    are 60% or more of each line from the side on, 95% of most, and at the bar's end their share falls by 50% of the
    line within 8 lines to either side: a straight edge across most of the picture. Dark scenes and skies end
    gradually, and are no bars.
    """

    def __init__(self) -> None:
        self._lowest: NDArray[np.uint8] | None = None
        self._highest: NDArray[np.uint8] | None = None

    def update(self, luma: NDArray[np.uint8]) -> None:
        """Take a frame's luma, uint8 H x W."""
        if self._lowest is None or self._highest is None:
            self._lowest, self._highest = luma.copy(), luma.copy()
        else:
            np.minimum(self._lowest, luma, out=self._lowest)
            np.maximum(self._highest, luma, out=self._highest)

    def values(self) -> tuple[float, float]:
        """Shares of the rows and of the columns that are bars, in [0, 1]."""
        assert self._lowest is not None
        assert self._highest is not None
        low, high = self._lowest, self._highest
        rows = _bar(low, high) + _bar(low[::-1], high[::-1])
        columns = _bar(low.T, high.T) + _bar(low.T[::-1], high.T[::-1])
        return rows / low.shape[0], columns / low.shape[1]


def _bar(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> int:
    """Lines of the bar at the top."""
    colour = float(np.median([np.median(low[0]), np.median(high[0])]))
    same = (low >= colour - SAME_COLOUR) & (high <= colour + SAME_COLOUR)
    shares = same.mean(axis=1)
    outside = np.flatnonzero(shares < IN_BAR)
    if not len(outside) or outside[0] == 0:
        return 0
    end = int(outside[0])
    drop = shares[max(0, end - EDGE) : end].max() - shares[end : end + EDGE].min()
    return end if np.median(shares[:end]) >= IN_MOST and drop >= DROP else 0
