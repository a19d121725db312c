"""How far two rate-distortion curves are apart: Bjontegaard's differences, and single points against a curve.

Sources:
    G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33 (2001): a third-order
    polynomial for each curve, over the logarithm of the rate; the mean distance over what the curves have in common.
    A piecewise cubic in its place: "Improvements of the BD-PSNR model", VCEG-AI11 (2008). Today's tools take the
    monotone one of Fritsch and Carlson (PCHIP), which goes through every point and swings over none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from tokenbench.errors import TokenBenchError

# PCHIP first: it is what is meant where nothing else is said.
Fit = Literal["pchip", "cubic"]
FITS: tuple[Fit, ...] = get_args(Fit)

# Bjontegaard's polynomial has four coefficients; fewer points are no curve for either fit.
MIN_POINTS = 4

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RateCurve:
    """Points of a codec, in any order.

    Args:
        rates: above zero, in any unit.
        qualities: one each.
        rising: whether quality rises with the rate; False for a distance, which falls.
        name: of the codec, for messages.
    """

    rates: tuple[float, ...]
    qualities: tuple[float, ...]
    rising: bool = True
    name: str = "the curve"


@dataclass(frozen=True)
class Distance:
    """How far a curve is from its anchor.

    Args:
        value: the mean difference.
        low: where the common interval begins, on the axis that was averaged over.
        high: where it ends.
        share: of the two curves' joint extent that is common, from 0 to 1; of log(rate) for rates.
    """

    value: float
    low: float
    high: float
    share: float


def bd_rate(anchor: RateCurve, curve: RateCurve, fit: Fit = "pchip") -> Distance:
    """Rate that a curve needs more than its anchor for the same quality, in per cent; negative is a saving.

    The mean difference of log(rate) over the qualities that both curves have, taken back from the logarithm.

    Raises:
        TokenBenchError: it is not defined: too few points, a curve that is not monotone, no quality in common.
    """
    (logs_a, values_a), (logs_b, values_b) = _points(anchor, MIN_POINTS), _points(curve, MIN_POINTS)
    mean = _mean_distance((values_a, logs_a), (values_b, logs_b), fit, "quality")
    return Distance(100 * math.expm1(mean.value), mean.low, mean.high, mean.share)


def bd_quality(anchor: RateCurve, curve: RateCurve, fit: Fit = "pchip") -> Distance:
    """Quality that a curve has more than its anchor at the same rate, in the quality's unit: BD-PSNR of PSNR.

    The mean over log(rate), as far as both curves go; `low` and `high` are rates.

    Raises:
        TokenBenchError: as `bd_rate`, or no rate in common.
    """
    mean = _mean_distance(_points(anchor, MIN_POINTS), _points(curve, MIN_POINTS), fit, "rate")
    return Distance(mean.value, math.exp(mean.low), math.exp(mean.high), mean.share)


def quality_at(curve: RateCurve, rate: float) -> float:
    """The quality of a curve at a rate, by PCHIP over log(rate).

    Raises:
        TokenBenchError: the rate lies outside the curve, which is not extended; the curve is no curve.
    """
    logs, values = _points(curve, 2)
    return _inside(curve.name, logs, values, math.log(rate) if rate > 0 else -math.inf)


def rate_at(curve: RateCurve, quality: float) -> float:
    """The rate that a curve needs for a quality, by PCHIP of log(rate) over quality.

    Raises:
        TokenBenchError: the quality lies outside the curve, which is not extended; the curve is no curve.
    """
    logs, values = _points(curve, 2)
    return math.exp(_inside(curve.name, values, logs, quality))


def _points(curve: RateCurve, least: int) -> tuple[_Floats, _Floats]:
    """Logarithms of the rates, rising, and the qualities that belong to them, strictly monotone."""
    if len(curve.rates) < least:
        raise TokenBenchError(f"{curve.name} has {len(curve.rates)} points, {least} are needed")
    rates, values = np.array(sorted(zip(curve.rates, curve.qualities, strict=True)), np.float64).T
    if not (np.isfinite(rates).all() and np.isfinite(values).all() and rates[0] > 0):
        raise TokenBenchError(f"{curve.name} has a rate of zero, or a value that is not finite")
    steps = np.diff(values) if curve.rising else -np.diff(values)
    if (wrong := (steps <= 0) | (np.diff(rates) <= 0)).any():
        at = int(np.argmax(wrong))
        raise TokenBenchError(
            f"{curve.name} is not monotone: {values[at]:.4g} at {rates[at]:.4g}, "
            f"{values[at + 1]:.4g} at {rates[at + 1]:.4g}"
        )
    return np.log(rates), values


def _mean_distance(
    anchor: tuple[_Floats, _Floats], curve: tuple[_Floats, _Floats], fit: Fit, axis: Literal["quality", "rate"]
) -> Distance:
    """The mean of curve - anchor over the common part of their first coordinates."""
    ends = [(float(x.min()), float(x.max())) for x, _ in (anchor, curve)]
    starts, stops = zip(*ends, strict=True)
    low, high = max(starts), min(stops)
    if not low < high:
        shown = [[math.exp(end) if axis == "rate" else end for end in pair] for pair in ends]
        parts = " and ".join(f"{start:.4g} to {end:.4g}" for start, end in shown)
        raise TokenBenchError(f"no {axis} in common: {parts}")
    areas = [_integral(x, y, fit)(low, high) for x, y in (anchor, curve)]
    return Distance((areas[1] - areas[0]) / (high - low), low, high, (high - low) / (max(stops) - min(starts)))


def _integral(x: _Floats, y: _Floats, fit: Fit) -> Callable[[float, float], float]:
    """The area under a fitted curve, from one end to another."""
    area: Any = Polynomial.fit(x, y, 3).integ() if fit == "cubic" else _pchip(x, y).antiderivative()
    return lambda low, high: float(area(high) - area(low))


def _pchip(x: _Floats, y: _Floats) -> PchipInterpolator:
    order = np.argsort(x)
    return PchipInterpolator(x[order], y[order])


def _inside(name: str, x: _Floats, y: _Floats, at: float) -> float:
    """The curve's y at x; its ends belong to it."""
    if not x.min() <= at <= x.max():
        raise TokenBenchError(f"outside the points of {name}")
    return float(_pchip(x, y)(at))
