"""How much moves: optical flow between frames a tenth of a second apart, and the share of the picture that stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.registration import optical_flow_ilk

from tokenbench.datasets.screening.luma import TOLERANCE, Frame, reduced

LONG_SIDE = 160
PAIR_EVERY = 0.5
PAIR_GAP = 0.1
UNCHANGED_LEVELS = 4


class Motion:
    """Optical flow of one pair of frames each half second.

    Iterative Lucas-Kanade (Le Besnerais and Champagnat 2005, as `skimage.registration.optical_flow_ilk`) on luma
    reduced to a long side of 160 pixels. Of each pair of frames, 0.1 s or the next longer time apart, the median and
    the 90th percentile of the flow's length over all pixels are taken, in diagonals of the picture per second.
    """

    def __init__(self) -> None:
        self._first: Frame | None = None
        self._next = 0.0
        self._pairs: list[tuple[float, float, NDArray[np.float64]]] = []

    def update(self, frame: Frame) -> None:
        """Take the clip's next frame."""
        first = self._first
        if first is not None and frame.time >= first.time + PAIR_GAP - TOLERANCE:
            lengths = _flow(first.luma, reduced(frame.luma, LONG_SIDE)) / (frame.time - first.time)
            self._pairs.append((first.time, frame.time, np.percentile(lengths, [50, 90])))
            self._first = None
        if frame.time >= self._next - TOLERANCE:
            self._first = Frame(frame.time, reduced(frame.luma, LONG_SIDE))
            self._next = frame.time + PAIR_EVERY

    def values(self, cut_times: Sequence[float]) -> tuple[float, float]:
        """Of the median and of the 90th percentile, their means over the pairs that do not lie across a cut.

        Where there are none, as in a clip of less than 0.1 s, there is no motion to be seen: both are 0.
        """
        pairs = [values for start, end, values in self._pairs if not _cut(start, end, cut_times)]
        median, peak = np.mean(pairs, axis=0) if pairs else (0.0, 0.0)
        return float(median), float(peak)


class Stillness:
    """Share of the picture, reduced to a long side of 160 pixels, that changes by 4 levels of 255 at most in 0.5 s."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._shares: list[tuple[float, float, float]] = []

    def update(self, frame: Frame) -> None:
        """Take the next frame, of two a second."""
        small = Frame(frame.time, reduced(frame.luma, LONG_SIDE))
        if self._last is not None:
            change = np.abs(small.luma.astype(np.int16) - self._last.luma)
            self._shares.append((self._last.time, small.time, float(np.mean(change <= UNCHANGED_LEVELS))))
        self._last = small

    def value(self, cut_times: Sequence[float]) -> float:
        """Median over the pairs that do not lie across a cut, in [0, 1]; 1, nothing changes, where there are none.

        The median, so that slides which fade into each other are still: most of the time they are.
        """
        shares = [share for start, end, share in self._shares if not _cut(start, end, cut_times)]
        return float(np.median(shares)) if shares else 1.0


def _flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    flow = optical_flow_ilk(first / 255, second / 255, num_warp=5, dtype=np.float64)
    return np.hypot(*flow) / np.hypot(*first.shape)


def _cut(start: float, end: float, cut_times: Sequence[float]) -> bool:
    return any(start < time <= end for time in cut_times)
