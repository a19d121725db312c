"""Ranks of several runs on one metric that know ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from tokenbench.statistics.significance import LEVEL, Significance, significance
from tokenbench.statistics.summary import RESAMPLES


@dataclass(frozen=True)
class Duel:
    """One run against another on the clips that both have.

    Args:
        one: the position of a run.
        other: the position of a later one.
        significance: of the differences `other - one`.
    """

    one: int
    other: int
    significance: Significance


def duels(
    runs: Sequence[Mapping[str, float]],
    clusters: Mapping[str, str] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Duel]:
    """Every pair of runs that have clips in common, tested.

    Args:
        runs: of each run its values by clip.
        clusters: the cluster of every clip; None where each clip is its own.
        seed: of the tests.
        resamples: of the tests.
    """
    tested = []
    for i, j in combinations(range(len(runs)), 2):
        clips = sorted(runs[i].keys() & runs[j].keys())
        if clips:
            differences = [runs[j][clip] - runs[i][clip] for clip in clips]
            labels = None if clusters is None else [clusters[clip] for clip in clips]
            test = significance(differences, clusters=labels, seed=seed, resamples=resamples)
            tested.append(Duel(i, j, test))
    return tested


def ranks(count: int, tested: Sequence[Duel], adjusted: Sequence[float], *, higher_is_better: bool) -> list[int]:
    """A run's rank is 1 more than the number of runs that are significantly better than it.

    So two runs that do not differ from each other, and lose to the same others, share a rank; several can be first.

    Args:
        count: the number of runs.
        tested: the pairs of runs.
        adjusted: the p-value of each pair, corrected for all comparisons that are made.
        higher_is_better: the metric's direction.

    Returns:
        The rank of each run, from 1.
    """
    places = [1] * count
    for duel, p_value in zip(tested, adjusted, strict=True):
        direction = duel.significance.direction
        if p_value < LEVEL and direction:
            places[duel.one if (direction > 0) == higher_is_better else duel.other] += 1
    return places
