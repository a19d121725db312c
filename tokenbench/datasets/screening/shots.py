"""Cuts: where one shot ends and the next begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.screening.luma import Frame, reduced

LONG_SIDE = 32
# Distances of neighbouring frames: a cut's is at least so large, and so many times those of the frames around it.
DISTANCE = 0.3
RATIO = 2.0
AROUND = 0.25
# In squared levels of 255: what little there is to see in a black frame does not count.
_FLOOR = 16.0


class Shots:
    """Hard cuts, by the correlation of each frame with the one before it.

    The distance of two frames is 1 - r, r the correlation coefficient of their luma reduced to a long side of 32
    pixels: neither motion nor a change of brightness lowers it by much. A cut is a distance of 0.3 or more that is
    twice as large as any other within a quarter of a second, which fast motion is not. Dissolves are no cuts.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float64] | None = None
        self._times: list[float] = []
        self._distances: list[float] = []

    def update(self, frame: Frame) -> None:
        """Take the clip's next frame."""
        picture = reduced(frame.luma, LONG_SIDE).astype(np.float64)
        picture -= picture.mean()
        if self._last is not None:
            self._times.append(frame.time)
            self._distances.append(_distance(self._last, picture))
        self._last = picture

    def cut_times(self) -> tuple[float, ...]:
        """In seconds, of the first frame after each cut."""
        times, distances = np.array(self._times), np.array(self._distances)
        cuts = []
        for i in np.flatnonzero(distances >= DISTANCE):
            around = np.abs(times - times[i]) <= AROUND
            around[max(0, i - 1) : i + 2] = True
            around[i] = False
            if not around.any() or distances[i] >= RATIO * distances[around].max():
                cuts.append(float(times[i]))
        return tuple(cuts)


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """1 - correlation of two pictures of mean 0."""
    variances = (np.mean(a * a) + _FLOOR) * (np.mean(b * b) + _FLOOR)
    return float(1 - (np.mean(a * b) + _FLOOR) / np.sqrt(variances))
