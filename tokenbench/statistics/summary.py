"""A data set's value of a metric: the mean over its clips, with an interval that says how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError

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
    """

    value: float | None
    ci95: tuple[float, float] | tuple[None, None]
    n: int
    unit: str

    def as_dict(self) -> dict[str, Any]:
        """The summary as `result.json` holds it."""
        return {"value": self.value, "unit": self.unit, "ci95": list(self.ci95), "n": self.n}


def summarise(values: Sequence[float], unit: str, *, seed: int = 0, resamples: int = 10_000) -> Summary:
    """Mean over clips with its 95 % percentile bootstrap interval.

    The order of the clips makes no difference: neither to the mean, nor to the interval.

    Args:
        values: one finite value a clip.
        unit: the unit of the values.
        seed: of the bootstrap's random numbers; the same seed gives the same interval.
        resamples: how often the clips are drawn anew, with replacement.

    Returns:
        The summary. One clip gives the interval `(value, value)`, no clips give None for both.

    Raises:
        TokenBenchError: a value is not finite, or there are no resamples.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    if resamples < 1:
        raise TokenBenchError(f"the bootstrap needs at least one resample, got {resamples}")
    clips = np.sort(np.asarray(values, dtype=np.float64))
    if not np.isfinite(clips).all():
        raise TokenBenchError("cannot summarise values that are not finite: leave failed clips out")
    n = len(clips)
    if n == 0:
        return Summary(None, (None, None), 0, unit)
    mean = math.fsum(clips) / n
    if n == 1:
        return Summary(mean, (mean, mean), 1, unit)
    # Rounding alone could put the mean of equal draws a hair outside the values themselves.
    low, high = np.clip(np.percentile(_resampled_means(clips, seed, resamples), _PERCENTILES), clips[0], clips[-1])
    return Summary(mean, (float(low), float(high)), n, unit)


def _resampled_means(clips: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    """The mean of each of `resamples` draws of as many clips as there are."""
    generator = np.random.Generator(np.random.PCG64(seed))
    n = len(clips)
    step = max(1, _DRAWS_AT_ONCE // n)
    means = np.empty(resamples)
    for start in range(0, resamples, step):
        draws = generator.integers(n, size=(min(step, resamples - start), n))
        means[start : start + len(draws)] = clips[draws].mean(axis=1)
    return means
