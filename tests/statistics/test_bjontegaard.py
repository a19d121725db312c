"""Bjontegaard's differences against examples that can be worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.statistics.bjontegaard import FITS, Fit, RateCurve, bd_quality, bd_rate, quality_at, rate_at

# A real H.264 curve: PSNR of the clips of `mini` at five quality settings.
ANCHOR = RateCurve((0.0323, 0.0482, 0.0763, 0.1256, 0.2021), (30.408, 32.838, 35.331, 38.292, 39.982))

NOT_FINITE = "av1 has a rate of zero, or a value that is not finite"


def scaled(curve: RateCurve, factor: float) -> RateCurve:
    return replace(curve, rates=tuple(rate * factor for rate in curve.rates))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.25])
def test_a_factor_in_rate_is_the_bd_rate(fit: Fit, factor: float) -> None:
    found = bd_rate(ANCHOR, scaled(ANCHOR, factor), fit)
    assert found.value == pytest.approx(100 * (factor - 1), abs=1e-9)
    assert (found.low, found.high, found.share) == (30.408, 39.982, 1.0)


@pytest.mark.parametrize("fit", FITS)
def test_an_offset_in_quality_is_the_bd_quality(fit: Fit) -> None:
    better = replace(ANCHOR, qualities=tuple(value + 0.75 for value in ANCHOR.qualities))
    found = bd_quality(ANCHOR, better, fit)
    assert found.value == pytest.approx(0.75, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((0.0323, 0.2021))
    assert bd_rate(ANCHOR, better, fit).value < -10


@pytest.mark.parametrize("fit", FITS)
def test_straight_lines_are_averaged_over_what_they_have_in_common(fit: Fit) -> None:
    """PSNR = 30 + 6 log2(r) for r from 1 to 8, and 33 + 3 log2(r) for r from 2 to 16.

    In common, in log2(r): 1 to 3, where the difference is 3 - 3 log2(r), -3 in the mean. In PSNR: 36 to 45, where the
    difference of log2(r) is (q - 33) / 3 - (q - 30) / 6, and so q / 6 - 6: 0 to 1.5, 0.75 in the mean.
    """
    steep = RateCurve((1, 2, 4, 8), (30, 36, 42, 48))
    flat = RateCurve((2, 4, 8, 16), (36, 39, 42, 45))
    quality, rate = bd_quality(steep, flat, fit), bd_rate(steep, flat, fit)
    assert quality.value == pytest.approx(-3)
    assert (quality.low, quality.high, quality.share) == pytest.approx((2, 8, 2 / 4))
    assert rate.value == pytest.approx(100 * (2**0.75 - 1))
    assert (rate.low, rate.high, rate.share) == pytest.approx((36, 45, 9 / 18))


def test_the_cubic_of_four_points_goes_through_them() -> None:
    """Anchor: log10(rate) = 0 over the common PSNR 0 to 3. Curve: x^3 / 9, whose mean from 0 to 3 is 0.75."""
    anchor = RateCurve(tuple(10.0 ** (1e-9 * x) for x in range(4)), (0, 1, 2, 3))
    curve = RateCurve(tuple(10.0 ** (x**3 / 9) for x in range(4)), (0, 1, 2, 3))
    assert bd_rate(anchor, curve, "cubic").value == pytest.approx(100 * (10**0.75 - 1), rel=1e-6)


def test_the_cubic_of_more_points_is_least_squares() -> None:
    rng = np.random.default_rng(0)
    qualities = np.sort(rng.uniform(30, 40, 7))
    logs = np.sort(rng.uniform(-2, 0, 7))
    curve = RateCurve(tuple(10.0**logs), tuple(qualities))
    fits = []
    for known in (ANCHOR, curve):
        fits.append(np.polyint(np.polyfit(known.qualities, np.log10(known.rates), 3)))
    low, high = max(30.408, qualities[0]), min(39.982, qualities[-1])
    areas = [np.polyval(fit, high) - np.polyval(fit, low) for fit in fits]
    expected = 100 * (10 ** ((areas[1] - areas[0]) / (high - low)) - 1)
    assert bd_rate(ANCHOR, curve, "cubic").value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("fit", "rate", "quality"),
    [("pchip", 20.957416334755, -0.943986417983), ("cubic", 20.543517288894, -0.957213378642)],
)
def test_real_curves_have_the_values_of_an_independent_tool(fit: Fit, rate: float, quality: float) -> None:
    """The package bjontegaard 1.3.0 on H.265 against H.264."""
    curve = RateCurve((0.0507, 0.0660, 0.0937, 0.1434, 0.2322), (31.152, 33.503, 35.832, 37.977, 39.888))
    assert bd_rate(ANCHOR, curve, fit).value == pytest.approx(rate, rel=1e-10)
    assert bd_quality(ANCHOR, curve, fit).value == pytest.approx(quality, rel=1e-10)


@pytest.mark.parametrize("fit", FITS)
def test_order_of_points_and_unit_of_rate_do_not_matter(fit: Fit) -> None:
    other = scaled(RateCurve((0.03, 0.05, 0.09, 0.2), (31.0, 33.5, 36.5, 40.5)), 1.0)
    shuffled = RateCurve(other.rates[::-1], other.qualities[::-1])
    assert bd_rate(ANCHOR, shuffled, fit) == bd_rate(ANCHOR, other, fit)
    kilo = bd_rate(scaled(ANCHOR, 1000), scaled(other, 1000), fit)
    assert kilo.value == pytest.approx(bd_rate(ANCHOR, other, fit).value)
    there, back = bd_rate(ANCHOR, other, fit).value, bd_rate(other, ANCHOR, fit).value
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)


@pytest.mark.parametrize("fit", FITS)
def test_a_distance_falls_with_the_rate(fit: Fit) -> None:
    falling = replace(ANCHOR, qualities=tuple(1 / value for value in ANCHOR.qualities), rising=False)
    assert bd_rate(falling, scaled(falling, 1.1), fit).value == pytest.approx(10)
    assert bd_quality(falling, scaled(falling, 1.1), fit).value > 0
    with pytest.raises(TokenBenchError, match="not monotone"):
        bd_rate(replace(falling, rising=True), falling, fit)


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (RateCurve((1, 2, 3), (30, 31, 32), name="av1"), "av1 has 3 points, 4 are needed"),
        (RateCurve((1, 2, 3, 4), (30, 31, 30.5, 32), name="av1"), "av1 is not monotone: 31 at 2, 30.5 at 3"),
        (RateCurve((1, 2, 2, 4), (30, 31, 31.5, 32), name="av1"), "av1 is not monotone: 31 at 2, 31.5 at 2"),
        (
            RateCurve((1, 2, 3, 4), (30, 31, 32, math.inf), name="av1"),
            "av1 has a rate of zero, or a value that is not finite",
        ),
        (
            RateCurve((0, 2, 3, 4), (30, 31, 32, 33), name="av1"),
            "av1 has a rate of zero, or a value that is not finite",
        ),
    ],
)
def test_what_is_no_curve_has_no_number(curve: RateCurve, message: str) -> None:
    for measure in (bd_rate, bd_quality):
        for pair in ((ANCHOR, curve), (curve, ANCHOR)):
            with pytest.raises(TokenBenchError) as caught:
                measure(*pair)
            assert str(caught.value) == message


def test_without_an_overlap_there_is_no_number() -> None:
    above = RateCurve((0.03, 0.05, 0.09, 0.2), (41.0, 42.0, 43.0, 44.0))
    with pytest.raises(TokenBenchError, match=r"no quality in common: 30\.41 to 39\.98 and 41 to 44"):
        bd_rate(ANCHOR, above)
    assert bd_quality(ANCHOR, above).value > 3
    with pytest.raises(TokenBenchError, match=r"no rate in common: 0\.0323 to 0\.2021 and 0\.3 to 2"):
        bd_quality(ANCHOR, scaled(above, 10))


def test_a_point_is_read_off_the_curve_and_never_beyond_it() -> None:
    for rate, quality in zip(ANCHOR.rates, ANCHOR.qualities, strict=True):
        assert quality_at(ANCHOR, rate) == pytest.approx(quality)
        assert rate_at(ANCHOR, quality) == pytest.approx(rate)
    line = RateCurve((1, 2, 4, 8), (30, 36, 42, 48))
    assert quality_at(line, 2**1.5) == pytest.approx(39)
    assert rate_at(line, 45) == pytest.approx(2**2.5)
    for outside in (0.0, 0.03, 0.21):
        with pytest.raises(TokenBenchError, match="outside the points of the curve"):
            quality_at(ANCHOR, outside)
    for outside in (30.4, 40.0):
        with pytest.raises(TokenBenchError, match="outside the points of the curve"):
            rate_at(ANCHOR, outside)
