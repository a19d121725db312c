"""A data set's value of a metric: the mean over its clips, with an interval that says how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.statistics.clusters import Clusters, cluster

RESAMPLES = 10_000

_PERCENTILES = (2.5, 97.5)

# 8 MiB of indices at a time, for any number of clips.
_DRAWS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Summary:
    """One number of a report.

    Args:
        value: the plain mean over the clips; None where there were none.
        ci95: lower and upper end of the 95 % bootstrap interval; None where there were no clips.
        n: the number of clips.
        unit: "1" for a pure number.
        clusters: the number of clusters that were drawn, where they are fewer than the clips; else None.
    """

    value: float | None
    ci95: tuple[float, float] | tuple[None, None]
    n: int
    unit: str
    clusters: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The summary as `result.json` holds it; `clusters` only where they are fewer than the clips."""
        counts = {"n": self.n} if self.clusters is None else {"n": self.n, "clusters": self.clusters}
        return {"value": self.value, "unit": self.unit, "ci95": list(self.ci95), **counts}


def summarise(
    values: Sequence[float],
    unit: str,
    *,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Summary:
    """Mean over clips with its 95 % percentile bootstrap interval.

    The order of the clips makes no difference: neither to the mean, nor to the interval. Clips of one cluster (all
    that were cut from one video) are drawn together: as many clusters as there are, with replacement, and the mean
    is over the clips of those drawn.

    Args:
        values: one finite value a clip.
        unit: the unit of the values.
        clusters: the name of each clip's cluster; None where each clip is its own.
        seed: of the bootstrap's random numbers; the same seed gives the same interval.
        resamples: how often the clips are drawn anew, with replacement.

    Returns:
        The summary. One clip (or one cluster) gives the interval `(value, value)`, no clips give None for both.

    Raises:
        TokenBenchError: a value is not finite, there are no resamples, or not one cluster a value.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3; for clusters Davison and Hinkley,
        Bootstrap Methods and their Application (1997), section 3.8, the strategy that keeps drawn groups whole.
    """
    if resamples < 1:
        raise TokenBenchError(f"the bootstrap needs at least one resample, got {resamples}")
    groups = cluster(values, clusters)
    n = len(values)
    count = None if groups.single else len(groups)
    if n == 0:
        return Summary(None, (None, None), 0, unit)
    # Rounding alone could put the mean of equal values a hair outside of them.
    lowest, highest = min(values), max(values)
    mean = min(max(math.fsum(values) / n, lowest), highest)
    if len(groups) == 1:
        return Summary(mean, (mean, mean), n, unit, count)
    ends = np.percentile(_resampled_means(groups, seed, resamples), _PERCENTILES)
    low, high = np.clip(ends, lowest, highest)
    return Summary(mean, (float(low), float(high)), n, unit, count)


def _resampled_means(groups: Clusters, seed: int, resamples: int) -> NDArray[np.float64]:
    """The mean over the clips of each of `resamples` draws of as many clusters as there are."""
    generator = np.random.Generator(np.random.PCG64(seed))
    n = len(groups)
    step = max(1, _DRAWS_AT_ONCE // n)
    means = np.empty(resamples)
    for start in range(0, resamples, step):
        draws = generator.integers(n, size=(min(step, resamples - start), n))
        clips = n if groups.single else groups.sizes[draws].sum(axis=1)
        means[start : start + len(draws)] = groups.sums[draws].sum(axis=1) / clips
    return means
