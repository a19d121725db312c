"""Every pair of several runs over the same clips at once: what `paired` says of two, at a fraction of its cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.statistics.significance import (
    ROUNDING,
    SIGN_FLIPS,
    WILCOXON,
    Significance,
    sign_rows,
    significance,
    turned,
)
from tokenbench.statistics.summary import RESAMPLES as FLIPS

# Ends of an interval move by a thirtieth of its width from one seed to the next.
RESAMPLES = 2000

_PERCENTILES = (2.5, 97.5)

Columns = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One run against another on the clips that both have.

    Args:
        one: the position of a run.
        other: the position of a later one.
        n: the number of clips.
        difference: the mean of `other - one`.
        ci95: lower and upper end of its 95 % bootstrap interval.
        significance: of the differences.
    """

    one: int
    other: int
    n: int
    difference: float
    ci95: tuple[float, float]
    significance: Significance


def all_pairs(
    runs: Sequence[Mapping[str, float]],
    clusters: Mapping[str, str] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Pair]:
    """Compare every two runs that have clips in common; pairs over the same clips share their draws.

    Args:
        runs: of each run its values by clip, finite.
        clusters: the cluster of every clip; None where each clip is its own.
        seed: of bootstrap and tests.
        resamples: of the bootstrap.

    Returns:
        The pairs, in the order of their runs.

    Raises:
        TokenBenchError: a value is not finite.

    Source:
        The tests of `significance`, with the same p; the bootstrap of `summarise`, of the differences.
    """
    if not all(math.isfinite(value) for run in runs for value in run.values()):
        raise TokenBenchError("cannot compare values that are not finite: leave failed clips out")
    together: dict[frozenset[str], list[tuple[int, int]]] = {}
    for i, j in combinations(range(len(runs)), 2):
        if common := frozenset(runs[i].keys() & runs[j].keys()):
            together.setdefault(common, []).append((i, j))
    found: list[Pair] = []
    for common, places in together.items():
        clips = sorted(common)
        values = {k: np.array([runs[k][clip] for clip in clips]) for k in {k for place in places for k in place}}
        differences = np.stack([values[j] - values[i] for i, j in places], axis=1)
        labels = None if clusters is None else [clusters[clip] for clip in clips]
        intervals = _intervals(differences, labels, seed, resamples)
        tests = _tests(differences, labels, seed)
        means = differences.mean(axis=0).tolist()
        rows = zip(places, means, intervals, tests, strict=True)
        found += [Pair(i, j, len(clips), mean, ends, test) for (i, j), mean, ends, test in rows]
    return sorted(found, key=lambda pair: (pair.one, pair.other))


def _intervals(
    differences: Columns, labels: Sequence[str] | None, seed: int, resamples: int
) -> list[tuple[float, float]]:
    """Of the mean of each column; clusters are drawn whole, and the mean is over the clips of those drawn."""
    sums, sizes = _grouped(differences, labels)
    k = len(sums)
    draws = np.random.Generator(np.random.PCG64(seed)).integers(k, size=(resamples, k))
    draws += k * np.arange(resamples)[:, None]
    counts = np.bincount(draws.ravel(), minlength=resamples * k).reshape(resamples, k).astype(np.float64)
    means = (counts @ sums) / (counts @ sizes)[:, None]
    low, high = np.percentile(means, _PERCENTILES, axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _tests(differences: Columns, labels: Sequence[str] | None, seed: int) -> list[Significance]:
    """What `significance` says of each column; the frequent cases for all columns at once."""
    columns = range(differences.shape[1])
    if labels is not None and len(set(labels)) < len(labels):
        return _sign_flips(_grouped(differences, labels)[0], seed)
    # Zeros are left out of the test and ties change its form, so that such columns are not like the others.
    sizes = np.sort(abs(differences), axis=0)
    plain = (sizes[0] > 0) & (np.diff(sizes, axis=0) > 0).all(axis=0)
    at_once = iter(_wilcoxon(differences[:, plain]) if plain.any() else [])
    return [next(at_once) if plain[column] else significance(differences[:, column], seed=seed) for column in columns]


def _wilcoxon(differences: Columns) -> list[Significance]:
    from scipy.stats import rankdata, wilcoxon

    p_values = np.minimum(1.0, wilcoxon(differences, axis=0).pvalue)
    ranked = (np.sign(differences) * rankdata(abs(differences), axis=0)).sum(axis=0)
    means = differences.sum(axis=0)
    directions = np.where(np.sign(means) == np.sign(ranked), np.sign(means), 0).astype(int)
    return [
        Significance(p, direction, WILCOXON)
        for p, direction in zip(p_values.tolist(), directions.tolist(), strict=True)
    ]


def _sign_flips(sums: Columns, seed: int) -> list[Significance]:
    """Columns sorted and turned as `significance` does it meet the same signs, and so get the same p."""
    sides, ordered = zip(*(turned(np.sort(column)) for column in sums.T), strict=True)
    columns = np.stack(ordered, axis=1)
    totals, slack = columns.sum(axis=0), ROUNDING * abs(columns).sum(axis=0)
    extreme, flips = np.zeros(len(totals), np.int64), 0
    for signs in sign_rows(len(columns), seed, FLIPS):
        extreme += (abs(signs @ columns) >= abs(totals) - slack).sum(axis=0)
        flips += len(signs)
    one_more = 0 if 2 ** len(columns) <= FLIPS else 1
    p_values = (extreme + one_more) / (flips + one_more)
    directions = np.where(abs(totals) <= slack, 0, np.sign(totals)).astype(int) * np.array(sides)
    return [
        Significance(p, direction, SIGN_FLIPS)
        for p, direction in zip(p_values.tolist(), directions.tolist(), strict=True)
    ]


def _grouped(differences: Columns, labels: Sequence[str] | None) -> tuple[Columns, Columns]:
    """Sums of the clusters, `clusters x pairs`, and their numbers of clips."""
    if labels is None:
        return differences, np.ones(len(differences))
    _, members = np.unique(np.array(labels), return_inverse=True)
    sizes = np.bincount(members).astype(np.float64)
    sums = np.zeros((len(sizes), differences.shape[1]))
    np.add.at(sums, members, differences)
    return sums, sizes
