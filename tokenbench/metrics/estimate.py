"""A number of a whole set, and how far chance moves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# 97.5 % of a normal distribution lie below mean + 1.96 standard deviations.
_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its normal 95 % interval.

    Args:
        value: of all samples.
        standard_error: None where there are too few samples to tell.
        ci95: low and high; None as the standard error.
        method: how the interval was made, in words.
    """

    value: float
    standard_error: float | None
    ci95: tuple[float, float] | None
    method: str

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "value": self.value,
            "standard_error": self.standard_error,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "method": self.method,
        }


def normal_estimate(value: float, standard_error: float, method: str, lowest: float = -math.inf) -> Estimate:
    """With the interval value +- 1.96 standard errors, cut off below `lowest`."""
    reach = _NORMAL_975 * standard_error
    interval = (max(lowest, value - reach), value + reach)
    return Estimate(value=value, standard_error=standard_error, ci95=interval, method=method)


def jackknife_error(replicates: Sequence[float] | NDArray[np.float64]) -> float:
    """Standard error from values that each leave out one of g equal parts of the samples.

    Source:
        Efron and Stein, The jackknife estimate of variance (1981): on average not below the true variance, whatever
        the statistic.
    """
    values = np.asarray(replicates)
    return float(np.sqrt((len(values) - 1) * values.var()))
