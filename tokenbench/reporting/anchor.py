"""Every result beside a chosen codec's curve: BD-rates of other curves, and what the anchor does for single points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.curves import Curve, find_curves, has_rate
from tokenbench.reporting.formats import quantity
from tokenbench.reporting.leaderboard import Group, Row, Table
from tokenbench.statistics.bjontegaard import FITS, Distance, Fit, RateCurve, bd_quality, bd_rate, quality_at, rate_at


@dataclass(frozen=True)
class Outcome:
    """A number, or the reason why there is none.

    Args:
        value: None where there is a reason.
        distance: where the number is a mean over an interval.
        clips: where the number is a mean over clips, how many have one, and of how many.
        reason: empty where there is a number.
    """

    value: float | None
    distance: Distance | None = None
    clips: tuple[int, int] | None = None
    reason: str = ""


@dataclass(frozen=True)
class CurveLine:
    """A curve against the anchor by one metric.

    Args:
        curve: that is compared.
        metric: by which.
        rate: BD-rate in per cent, by fit.
        quality: BD-quality, by fit.
        rate_by_clip: the mean of the BD-rates of all clips, each from curves of its own, by PCHIP.
    """

    curve: Curve
    metric: str
    rate: dict[Fit, Outcome]
    quality: dict[Fit, Outcome]
    rate_by_clip: Outcome


@dataclass(frozen=True)
class PointLine:
    """A single result against the anchor by one metric.

    Args:
        row: the result.
        metric: by which.
        quality: of the anchor at the result's rate.
        rate: that the anchor needs for the result's quality.
    """

    row: Row
    metric: str
    quality: Outcome
    rate: Outcome


@dataclass(frozen=True)
class Anchored:
    """What stands beside the anchor's curve in one leaderboard, under one storage."""

    anchor: Curve
    curves: tuple[CurveLine, ...]
    points: tuple[PointLine, ...]


# By slug of the group and kind of media, as plots are.
AnchoredTables = dict[tuple[str, str], list[Anchored]]


def against_anchor(groups: Sequence[Group], name: str) -> AnchoredTables:
    """Every leaderboard against the curve of that name; those that do not have it are left out.

    Raises:
        TokenBenchError: none has it.
    """
    tables = [(group, table, find_curves(table)) for group in groups for table in group.tables]
    found = {
        (group.slug, table.media): [_against(table, anchor, curves) for anchor in curves if anchor.name == name]
        for group, table, curves in tables
    }
    if not any(found.values()):
        names = sorted({curve.name for *_, curves in tables for curve in curves})
        there = f"there are {', '.join(names)}" if names else "a curve needs two points of one codec or more"
        raise TokenBenchError(f"no curve {name!r} among the runs: {there}")
    return {key: anchored for key, anchored in found.items() if anchored}


def _against(table: Table, anchor: Curve, curves: Iterable[Curve]) -> Anchored:
    metrics = [name for name in table.qualities if quantity(name).higher_is_better is not None]
    metrics = [name for name in metrics if len(anchor.of(name).rates) > 1]
    alike = [curve for curve in curves if curve.storage == anchor.storage]
    on_curves = {id(row) for curve in alike for row in curve.rows}
    points = [row for row in table.rows if id(row) not in on_curves and _is_contestant(row, anchor)]
    return Anchored(
        anchor,
        tuple(_curve_line(anchor, curve, name, table.media) for curve in alike if curve != anchor for name in metrics),
        tuple(_point_line(anchor, row, name) for row in points for name in metrics if _has(row, name)),
    )


def _is_contestant(row: Row, anchor: Curve) -> bool:
    return row.run.storage == anchor.storage and not row.run.is_ceiling and not row.partial and has_rate(row)


def _has(row: Row, metric: str) -> bool:
    return row.measure(metric).value is not None


def _curve_line(anchor: Curve, curve: Curve, metric: str, media: str) -> CurveLine:
    pair = anchor.of(metric), curve.of(metric)
    return CurveLine(
        curve,
        metric,
        {fit: _outcome(bd_rate, *pair, fit) for fit in FITS},
        {fit: _outcome(bd_quality, *pair, fit) for fit in FITS},
        _by_clip(anchor.of_clips(metric, media), curve.of_clips(metric, media)),
    )


def _by_clip(anchors: Mapping[str, RateCurve], curves: Mapping[str, RateCurve]) -> Outcome:
    """The mean over clips that have a BD-rate; those without are counted."""
    both = [clip for clip in anchors if clip in curves]
    outcomes = [_outcome(bd_rate, anchors[clip], curves[clip]) for clip in both]
    rates = [outcome.value for outcome in outcomes if outcome.value is not None]
    if not rates:
        return Outcome(None, reason=f"none of {len(both)} clips has one" if both else "no scores of clips")
    return Outcome(fmean(rates), clips=(len(rates), len(both)))


def _point_line(anchor: Curve, row: Row, metric: str) -> PointLine:
    curve = anchor.of(metric)
    return PointLine(
        row,
        metric,
        _outcome(quality_at, curve, row.rate),
        _outcome(rate_at, curve, row.measure(metric).value),
    )


def _outcome(measure: Callable[..., Any], *arguments: Any) -> Outcome:
    """What a measure gives, or what is in its way."""
    try:
        found = measure(*arguments)
    except TokenBenchError as error:
        return Outcome(None, reason=str(error))
    return Outcome(found.value, found) if isinstance(found, Distance) else Outcome(found)
