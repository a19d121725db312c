"""Whether two runs over the same clips differ by more than chance: tests of paired differences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.statistics.clusters import cluster
from tokenbench.statistics.summary import RESAMPLES

LEVEL = 0.05

WILCOXON = "Wilcoxon signed-rank test"
SIGN_FLIPS = "sign-flip permutation test over clusters"

# Sums that differ by rounding alone are equal.
ROUNDING = 1e-12

# 8 MiB of signs at a time, for any number of clusters.
_SIGNS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Significance:
    """What a two-sided test says of paired differences.

    Args:
        p_value: the chance of differences at least as far from zero where either sign is as likely; in (0, 1].
        direction: 1 where both the mean and the test's own statistic are above zero, -1 where both are below; 0 where
            there is no difference, or where the two contradict each other.
        test: its name in words.
    """

    p_value: float
    direction: int
    test: str


def significance(
    differences: Sequence[float] | NDArray[np.float64],
    *,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Significance:
    """Test whether paired differences have zero as their centre.

    Where each clip is its own cluster: Wilcoxon's signed-rank test; differences of zero are left out. Where clips
    share clusters, their ranks are not independent: then the signs of whole clusters are flipped, and the statistic is
    the sum over all clips; all of the 2^k ways where they are no more than `resamples`, else so many random ones.

    Differences that are all zero give p = 1. Opposite differences give the same p and the opposite direction; the
    order of the clips makes no difference.

    Args:
        differences: one finite value a clip.
        clusters: the name of each clip's cluster; None where each clip is its own.
        seed: of the random flips.
        resamples: the number of random flips.

    Raises:
        TokenBenchError: a value is not finite, there are no flips, or not one cluster a value.

    Source:
        Wilcoxon, Individual comparisons by ranking methods (1945), as `scipy.stats.wilcoxon` has it (exact where small
        and without ties). Sign flips: Fisher, The Design of Experiments (1935), section 21; p of random flips:
        (count + 1) / (flips + 1), Phipson and Smyth (2010).
    """
    if resamples < 1:
        raise TokenBenchError(f"a test by sign flips needs at least one of them, got {resamples}")
    groups = cluster(differences, clusters)
    sign, sums = turned(groups.sums)
    p_value, direction = _wilcoxon(sums) if groups.single else _sign_flips(sums, seed, resamples)
    return Significance(p_value, sign * direction, WILCOXON if groups.single else SIGN_FLIPS)


def turned(sums: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """Sorted sums seen from one side, the same for B - A as for A - B, and the sign that turns them back."""
    opposite = -sums[::-1]
    return (1, sums) if sums.tolist() >= opposite.tolist() else (-1, opposite)


def _wilcoxon(differences: NDArray[np.float64]) -> tuple[float, int]:
    from scipy.stats import rankdata, wilcoxon

    changed = differences[differences != 0]
    if len(changed) == 0:
        return 1.0, 0
    ranked = float(np.sign(changed) @ rankdata(abs(changed)))
    return min(1.0, float(wilcoxon(changed).pvalue)), _agreed(math.fsum(changed), ranked)


def _sign_flips(sums: NDArray[np.float64], seed: int, resamples: int) -> tuple[float, int]:
    total = math.fsum(sums)
    slack = ROUNDING * math.fsum(abs(sums))
    exact = 2 ** len(sums) <= resamples
    extreme, flips = 0, 0
    for signs in sign_rows(len(sums), seed, resamples):
        extreme += int((abs(signs @ sums) >= abs(total) - slack).sum())
        flips += len(signs)
    p_value = extreme / flips if exact else (extreme + 1) / (flips + 1)
    return p_value, 0 if abs(total) <= slack else int(np.sign(total))


def sign_rows(k: int, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
    """All 2^k rows of k signs where they are no more than `resamples`, else so many random ones, some at a time."""
    if 2**k <= resamples:
        yield _signs(np.arange(2**k)[:, None] >> np.arange(k) & 1)
        return
    generator = np.random.Generator(np.random.PCG64(seed))
    step = max(1, _SIGNS_AT_ONCE // k)
    for start in range(0, resamples, step):
        yield _signs(generator.integers(2, size=(min(step, resamples - start), k)))


def _signs(bits: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(bits, -1.0, 1.0)


def _agreed(one: float, other: float) -> int:
    """The sign that both have; 0 where they have none in common."""
    return int(np.sign(one)) if np.sign(one) == np.sign(other) else 0
