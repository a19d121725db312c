"""How often each whole number was seen, of the numbers that were seen at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Histogram:
    """A sparse histogram; adding is exact, whatever the order.

    Args:
        values: that were seen, int64, ascending.
        counts: of each, int64, at least 1.
    """

    values: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls) -> Histogram:
        """Of nothing."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> Histogram:
        """Of numbers of any shape."""
        values, counts = np.unique(numbers, return_counts=True)
        return cls(values.astype(np.int64), counts.astype(np.int64))

    def __add__(self, other: Histogram) -> Histogram:
        values = np.concatenate([self.values, other.values])
        # A stable sort finds the two ascending halves and merges them.
        order = np.argsort(values, kind="stable")
        values, counts = values[order], np.concatenate([self.counts, other.counts])[order]
        first = np.flatnonzero(np.diff(values, prepend=-1))
        return Histogram(values[first], np.add.reduceat(counts, first) if len(first) else counts)

    @property
    def total(self) -> int:
        """Numbers seen."""
        return int(self.counts.sum())


def entropy_bits(counts: NDArray[np.int64]) -> float:
    """Entropy of the frequencies, in bits a number: the plug-in estimate, too low where numbers are few.

    Args:
        counts: int64, each at least 1; of nothing the entropy is 0.

    Source:
        Shannon, A Mathematical Theory of Communication (1948), section 6.
    """
    if len(counts) == 0:
        return 0.0
    shares = counts / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))
