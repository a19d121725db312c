"""Two runs over the same clips: how much they differ, how sure that is, and whether it can be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.statistics.significance import Significance, significance
from tokenbench.statistics.summary import RESAMPLES, summarise


@dataclass(frozen=True)
class Paired:
    """B against A, clip by clip.

    Args:
        n: the number of clips.
        clusters: the number of clusters that were resampled; as many as clips where each is its own.
        mean_a: over these clips.
        mean_b: over these clips.
        difference: the mean of B - A.
        ci95: lower and upper end of the difference's 95 % bootstrap interval.
        significance: whether the difference can be chance.
    """

    n: int
    clusters: int
    mean_a: float
    mean_b: float
    difference: float
    ci95: tuple[float, float]
    significance: Significance


def paired(
    a: Sequence[float],
    b: Sequence[float],
    *,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Paired:
    """Compare the values of two runs over the same clips.

    Clips are drawn with both of their values, so what makes a clip easy or hard for both does not widen the interval.
    Exchanging A and B negates the difference and its interval, and keeps p.

    Args:
        a: one finite value a clip.
        b: the values of the same clips, in the same order.
        clusters: the name of each clip's cluster; None where each clip is its own.
        seed: of bootstrap and test.
        resamples: of bootstrap and test.

    Raises:
        TokenBenchError: not the same number of values, none at all, or one that is not finite.

    Source:
        The bootstrap of `summarise`, of the differences; the tests of `significance`.
    """
    if len(a) != len(b) or len(a) == 0:
        raise TokenBenchError(f"a paired comparison needs the same clips on both sides, got {len(a)} and {len(b)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise TokenBenchError("cannot compare values that are not finite: leave failed clips out")
    differences = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    low, high = _interval(differences, clusters, seed, resamples)
    return Paired(
        n=len(a),
        clusters=len(a) if clusters is None else len(set(clusters)),
        mean_a=math.fsum(a) / len(a),
        mean_b=math.fsum(b) / len(b),
        difference=math.fsum(differences) / len(a),
        ci95=(low, high),
        significance=significance(differences, clusters=clusters, seed=seed, resamples=resamples),
    )


def _interval(
    differences: NDArray[np.float64], clusters: Sequence[str] | None, seed: int, resamples: int
) -> tuple[float, float]:
    """The 95 % interval of the mean, drawn from both sides and averaged: so A - B has the opposite one, bit for bit."""
    sides = (differences, -differences)
    ends = np.array(
        [summarise(d.tolist(), "", clusters=clusters, seed=seed, resamples=resamples).ci95 for d in sides], np.float64
    )
    low, high = (ends[0] - ends[1, ::-1]) / 2
    return float(low), float(high)
