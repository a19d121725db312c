"""How far a set of clips is from the set of their reconstructions: Frechet and kernel distance, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.metrics.estimate import Estimate, jackknife_error, normal_estimate
from tokenbench.metrics.frechet import GaussianSums, frechet_distance, frechet_from_features
from tokenbench.metrics.mmd import kernel_estimate
from tokenbench.metrics.paired_samples import PairedSamples, paired_samples

RESAMPLES = 200
PARTS = 20
CLUSTERS_FOR_INFINITY = 8

# Measured on 400 features with noise: the value is 18 times the true one at n = 500, 8 times at 1200.
ENOUGH = 5


@dataclass(frozen=True, kw_only=True)
class SetScore:
    """Two distances of two sets, and what must be known to compare them.

    Args:
        frechet: FID or FVD, depending on the features.
        kernel: KID or KVD.
        samples: of each set, n.
        clusters: independent groups of samples.
        features: of a sample, d.
        rank: the highest that the covariances can have, min(n - 1, d).
        infinity: the Frechet distance extrapolated to infinitely many samples; may fall below 0. None with too few
            clusters.
        infinity_missing: why it is None.
        warning: what makes the Frechet distance incomparable; None where nothing does.
    """

    frechet: Estimate
    kernel: Estimate
    samples: int
    clusters: int
    features: int
    rank: int
    infinity: float | None
    infinity_missing: str | None
    warning: str | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**vars(self), "frechet": self.frechet.as_dict(), "kernel": self.kernel.as_dict()}


def score_set(x: ArrayLike, y: ArrayLike, clusters: ArrayLike, *, seed: int = 0) -> SetScore:
    """Frechet and kernel distance of clips and their reconstructions.

    Intervals are value +- 1.96 standard errors, that of the Frechet distance cut off at 0. Whole clusters are drawn, or
    left out, together. The standard error comes from

    - n <= d: 200 bootstrap resamples of the clusters. Only their spread is used: a resample has fewer distinct samples
      and so a larger distance than the set, and an interval of its percentiles would lie too high.
    - n > d: a jackknife over up to 20 parts of the clusters.

    The distance of few samples is biased upwards by about 1/n, and no interval shows that. `infinity` is where a line
    through the distances of nested subsets, from half to all of the clusters, over 1/n meets 0.

    The order of the samples changes nothing but rounding. No more than a few d x d matrices and 4096 samples are in
    memory where n > d.

    Args:
        x: features of the clips, n x d, real; an array or a memory-mapped file.
        y: features of their reconstructions, sample by sample beside x.
        clusters: n whole numbers; samples of one clip, or of one source video, share a number.
        seed: of the resamples, the parts and nested subsets, and the subsets of the kernel distance.

    Raises:
        TokenBenchError: the shapes do not fit together, a feature is not finite, or there are fewer than two samples
            or two clusters.

    Source:
        Heusel et al. (2017) for FID; Efron and Tibshirani, An introduction to the bootstrap (1993), chapters 6 and 11;
        Chong and Forsyth, Effectively unbiased FID (2020), for the extrapolation.
    """
    samples = paired_samples(x, y, clusters)
    count, features, groups = len(samples), samples.features, samples.groups
    if groups < 2:
        raise TokenBenchError(
            f"the interval of a Frechet distance needs at least two clusters, got {groups} with {count} samples:"
            " score clips of more than one source"
        )
    frechet, growth = (_of_few if count <= features else _of_many)(samples, seed)
    few = not growth
    return SetScore(
        frechet=frechet,
        kernel=kernel_estimate(samples, seed=seed),
        samples=count,
        clusters=groups,
        features=features,
        rank=min(count - 1, features),
        infinity=None if few else _extrapolated([*growth, (count, frechet.value)]),
        infinity_missing=f"needs at least {CLUSTERS_FOR_INFINITY} clusters, got {groups}" if few else None,
        warning=_warning(count, features),
    )


def _warning(samples: int, features: int) -> str | None:
    """What makes a Frechet distance of so few samples incomparable."""
    if samples >= ENOUGH * features:
        return None
    few = (
        f"{samples} samples <= {features} features"
        if samples <= features
        else (f"{samples} samples are fewer than {ENOUGH} times {features} features")
    )
    return f"{few}: the value is biased by about 1/n; compare it only with values of the same n"


Growth = list[tuple[int, float]]


def _of_few(samples: PairedSamples, seed: int) -> tuple[Estimate, Growth]:
    """The Frechet distance of samples that fit into memory, and those of nested subsets."""
    x, y = samples.take(np.arange(len(samples)))
    random = np.random.default_rng(seed)
    groups = samples.groups
    drawn = (np.bincount(random.integers(groups, size=groups), minlength=groups) for _ in range(RESAMPLES))
    resampled = [frechet_from_features(x, y, times[samples.clusters]) for times in drawn]
    parts = _parts(samples, seed)
    nested = [np.concatenate(parts[:number]) for number in _nested(parts)]
    return (
        normal_estimate(
            frechet_from_features(x, y),
            float(np.std(resampled, ddof=1)),
            f"bootstrap over {groups} clusters, {RESAMPLES} resamples, seed {seed}, normal interval cut off at 0",
            lowest=0.0,
        ),
        [(len(rows), frechet_from_features(x[rows], y[rows])) for rows in nested],
    )


def _of_many(samples: PairedSamples, seed: int) -> tuple[Estimate, Growth]:
    """The Frechet distance of samples that stay in their file, and those of nested subsets."""
    parts = _parts(samples, seed)
    wanted = _nested(parts)
    whole = _PairSums.empty(samples.features)
    growth = []
    for number, part in enumerate(parts, 1):
        whole.merge(_PairSums.of(samples, part))
        if number in wanted:
            growth.append((whole.x.count, whole.distance()))
    leaving_out = [whole.without(_PairSums.of(samples, part)).distance() for part in parts]
    method = (
        f"jackknife over {len(parts)} parts of {samples.groups} clusters, seed {seed}, normal interval cut off at 0"
    )
    return normal_estimate(whole.distance(), jackknife_error(leaving_out), method, lowest=0.0), growth


@dataclass(frozen=True, eq=False)
class _PairSums:
    """Moments of some samples in both sets."""

    x: GaussianSums
    y: GaussianSums

    @classmethod
    def empty(cls, features: int) -> _PairSums:
        return cls(GaussianSums.empty(features), GaussianSums.empty(features))

    @classmethod
    def of(cls, samples: PairedSamples, rows: NDArray[np.int64]) -> _PairSums:
        sums = cls.empty(samples.features)
        for x, y in samples.blocks(rows):
            sums.x.update(x)
            sums.y.update(y)
        return sums

    def merge(self, other: _PairSums) -> None:
        self.x.merge(other.x)
        self.y.merge(other.y)

    def without(self, part: _PairSums) -> _PairSums:
        return _PairSums(self.x.without(part.x), self.y.without(part.y))

    def distance(self) -> float:
        return frechet_distance(self.x.mean, self.x.covariance(), self.y.mean, self.y.covariance())


def _parts(samples: PairedSamples, seed: int) -> list[NDArray[np.int64]]:
    """The samples of up to 20 random, equally large sets of clusters."""
    shuffled = np.random.default_rng(seed).permutation(samples.groups)
    split = np.array_split(shuffled, min(PARTS, samples.groups))
    return [np.flatnonzero(np.isin(samples.clusters, clusters)) for clusters in split]


def _nested(parts: Sequence[object]) -> range:
    """How many parts make up each nested subset, from half of them to all but one; none where clusters are too few."""
    return range((len(parts) + 1) // 2, len(parts)) if len(parts) >= CLUSTERS_FOR_INFINITY else range(0)


def _extrapolated(growth: Growth) -> float:
    """Where the least-squares line of distance over 1 / n meets 0."""
    counts, distances = np.array(growth).T
    return float(np.polyfit(1 / counts, distances, 1)[1])
