"""Features of clips beside those of their reconstructions, read block by block from memory or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokenbench.errors import TokenBenchError

BLOCK = 4096

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class PairedSamples:
    """Two sets of features, sample beside sample, in an order that does not depend on the order they came in.

    Args:
        clusters: of every sample, int64 n, from 0 to `groups - 1`, rising.
        groups: number of clusters.
        features: of a sample.
        x: one set as it was given, n x d.
        y: the other.
        rows: of `x` and `y`, in this order, int64 n.
    """

    clusters: NDArray[np.int64]
    groups: int
    features: int
    x: NDArray[Any]
    y: NDArray[Any]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, samples: NDArray[np.int64]) -> Pair:
        """Those samples of both sets, float64 n x d."""
        rows = self.rows[samples]
        return np.asarray(self.x[rows], np.float64), np.asarray(self.y[rows], np.float64)

    def blocks(self, samples: NDArray[np.int64]) -> Iterator[Pair]:
        """The same, no more than `BLOCK` samples at a time."""
        for start in range(0, len(samples), BLOCK):
            yield self.take(samples[start : start + BLOCK])


def paired_samples(x: ArrayLike, y: ArrayLike, clusters: ArrayLike) -> PairedSamples:
    """Check two sets of features and put them in order: by cluster, then by the sums of their features.

    Args:
        x: n x d, real; an array or a memory-mapped file, of which only blocks are read.
        y: the same shape, sample i beside sample i of x.
        clusters: n whole numbers; samples that share one are not independent of each other.

    Raises:
        TokenBenchError: the shapes do not fit together, a feature is not finite, or there are fewer than two samples.
    """
    x, y, labels = np.asanyarray(x), np.asanyarray(y), np.asarray(clusters)
    if x.ndim != 2 or x.shape != y.shape:
        raise TokenBenchError(f"two sets of features must both have the shape n x d, got {x.shape} and {y.shape}")
    if labels.shape != x.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise TokenBenchError(f"expected a whole number for the cluster of each of {len(x)} samples")
    if len(x) < 2:
        raise TokenBenchError(f"a distance of sets needs at least two samples, got {len(x)}: score more clips")
    names, numbers = np.unique(labels, return_inverse=True)
    rows = np.lexsort((_sums(y, "y"), _sums(x, "x"), numbers))
    return PairedSamples(numbers[rows], len(names), x.shape[1], x, y, rows)


def _sums(features: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Of every sample's features; finite exactly where they all are, because float32 cannot exceed float64's range."""
    blocks = (features[start : start + BLOCK] for start in range(0, len(features), BLOCK))
    with np.errstate(invalid="ignore"):
        sums = np.concatenate([np.asarray(block, np.float64).sum(axis=1) for block in blocks])
    bad = np.flatnonzero(~np.isfinite(sums))
    if len(bad):
        raise TokenBenchError(
            f"the features of {len(bad)} of {len(features)} samples in {name} are NaN or infinite, the first is"
            f" sample {bad[0]}: check the network and its weights"
        )
    return sums
