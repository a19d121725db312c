"""Clips that are not independent of each other: those of one source are drawn, or flipped, together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError


@dataclass(frozen=True)
class Clusters:
    """What resampling needs to know of clustered values.

    The order is that of the sums, so that neither the order of the clips nor the names of the clusters matter.

    Args:
        sums: of each cluster's values, float64, from low to high.
        sizes: number of each cluster's values, int64.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @property
    def single(self) -> bool:
        """Whether every value is a cluster of its own."""
        return bool((self.sizes == 1).all())

    def __len__(self) -> int:
        return len(self.sums)


def cluster(values: Sequence[float] | NDArray[np.float64], labels: Sequence[str] | None = None) -> Clusters:
    """Sums and sizes of the clusters.

    Args:
        values: one finite value a clip.
        labels: beside each value, of the cluster that it belongs to; None where each clip is its own.

    Raises:
        TokenBenchError: a value is not finite, or the labels are more or fewer than the values.
    """
    given = np.asarray(values, dtype=np.float64)
    if not np.isfinite(given).all():
        raise TokenBenchError("cannot summarise values that are not finite: leave failed clips out")
    if labels is None:
        return Clusters(np.sort(given), np.ones(len(given), np.int64))
    if len(labels) != len(given):
        raise TokenBenchError(f"got {len(given)} values and {len(labels)} clusters: name a cluster beside each value")
    members: dict[str, list[float]] = {}
    for label, value in zip(labels, given.tolist(), strict=True):
        members.setdefault(label, []).append(value)
    pairs = sorted((math.fsum(group), len(group)) for group in members.values())
    return Clusters(np.array([total for total, _ in pairs]), np.array([size for _, size in pairs], np.int64))
