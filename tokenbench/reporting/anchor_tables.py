"""Results beside the anchor's curve, as cells of the page, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from tokenbench.reporting.anchor import Anchored, AnchoredTables, CurveLine, Outcome, PointLine
from tokenbench.reporting.cells import Cell, Column, number_key
from tokenbench.reporting.formats import NOTHING, RATE, media_title, quantity, significant
from tokenbench.reporting.leaderboard import Group
from tokenbench.reporting.tables import markdown_cells, markdown_text
from tokenbench.statistics.bjontegaard import FITS, Fit

NOTE = (
    "Curves go through the data set's means, and by clip through its own scores. BD-rate: bits that a curve needs "
    "more (+) or less (-) than the anchor for the same quality, in the mean; BD-quality: what it scores more at the "
    "same rate, so that of metrics which are better when low, less is better. PCHIP: piecewise cubic, the default of "
    "today's tools; VCEG-M33: one cubic polynomial for a curve, as first defined. Both are means over what two curves "
    "have in common, which stands behind the number with its share of their joint extent; where it is small, the "
    "number says little. Single results are read off the anchor by PCHIP, and never beyond its ends."
)

_FITS: dict[Fit, str] = {"pchip": "PCHIP", "cubic": "VCEG-M33"}
_COLUMNS = (
    *("dataset", "manifest_sha256", "protocol", "media", "storage", "anchor", "name", "metric"),
    *("measure", "fit", "value", "unit", "low", "high", "share", "clips", "reason"),
)


def curve_columns() -> list[Column]:
    """The headers of the table of curves."""
    return [
        Column("Curve"),
        Column("Metric"),
        *(Column(f"BD-rate, {name}", True, "mean difference in rate at the same quality") for name in _FITS.values()),
        Column("BD-rate by clip, PCHIP", True, "mean over clips, each with curves of its own"),
        *(Column(f"BD-quality, {name}", True, "mean difference at the same rate") for name in _FITS.values()),
    ]


def curve_cells(line: CurveLine) -> list[Cell]:
    """One line of it."""
    return [
        _word(line.curve.name),
        _word(quantity(line.metric).header),
        *(_rate_cell(line.rate[fit], line.metric) for fit in FITS),
        _rate_cell(line.rate_by_clip, line.metric),
        *(_quality_cell(line.quality[fit], line.metric) for fit in FITS),
    ]


def point_columns(anchor: str) -> list[Column]:
    """The headers of the table of single results."""
    return [
        Column("Tokenizer"),
        Column("Metric"),
        Column(quantity(RATE).header, True),
        Column("Score", True),
        Column(f"{anchor} at this rate", True),
        Column("Difference", True),
        Column(f"Bits/pixel of {anchor} for this score", True),
        Column("Times the rate", True, f"the tokenizer's rate over that of {anchor}"),
    ]


def point_cells(line: PointLine) -> list[Cell]:
    """One line of it."""
    shown, score, rate = quantity(line.metric), line.row.measure(line.metric).value or 0.0, line.row.rate or 0.0
    at_rate, for_score = line.quality.value, line.rate.value
    return [
        _word(line.row.entry.label),
        _word(shown.header),
        _value(rate, quantity(RATE).format(rate)),
        _value(score, shown.format(score)),
        _value(at_rate, shown.format(at_rate), line.quality.reason),
        _value(None, NOTHING) if at_rate is None else _value(score - at_rate, _signed(score - at_rate, line.metric)),
        _value(for_score, quantity(RATE).format(for_score), line.rate.reason),
        _value(None, NOTHING) if for_score is None else _value(rate / for_score, significant(rate / for_score)),
    ]


def blocks(anchored: Anchored) -> list[dict[str, Any]]:
    """The tables that are not empty: title, columns and rows of cells."""
    anchor = anchored.anchor
    curves, points = [*map(curve_cells, anchored.curves)], [*map(point_cells, anchored.points)]
    tables = [
        (f"Curves against {anchor.title}", curve_columns(), curves),
        (f"Single results against {anchor.title}", point_columns(anchor.name), points),
    ]
    return [{"title": title, "columns": columns, "rows": rows} for title, columns, rows in tables if rows]


def markdown(groups: Sequence[Group], tables: AnchoredTables) -> str:
    """All of them, one after the other."""
    parts = ["# Against the anchor", NOTE]
    for group, media, anchored in _each(groups, tables):
        for block in blocks(anchored):
            title = " · ".join((block["title"], media_title(media), group.heading))
            parts += [f"## {markdown_text(title)}", markdown_cells(block["columns"], block["rows"])]
    return "\n\n".join(parts) + "\n"


def csv_text(groups: Sequence[Group], tables: AnchoredTables) -> str:
    """One number a line, in full precision; without one, the reason."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for group, media, anchored in _each(groups, tables):
        common = {
            "dataset": group.dataset.name,
            "manifest_sha256": group.dataset.manifest_sha256,
            "protocol": group.dataset.protocol,
            "media": media,
            "storage": anchored.anchor.storage,
            "anchor": anchored.anchor.name,
        }
        writer.writerows(common | line for line in _csv_lines(anchored))
    return text.getvalue()


def _csv_lines(anchored: Anchored) -> Iterator[dict[str, Any]]:
    for line in anchored.curves:
        for fit in FITS:
            of = {"name": line.curve.name, "metric": line.metric, "fit": fit}
            yield of | {"measure": "bd_rate", "unit": "%"} | _csv_outcome(line.rate[fit])
            yield of | {"measure": "bd_quality", "unit": quantity(line.metric).unit} | _csv_outcome(line.quality[fit])
        of = {"name": line.curve.name, "metric": line.metric, "fit": "pchip"}
        yield of | {"measure": "bd_rate_by_clip", "unit": "%"} | _csv_outcome(line.rate_by_clip)
    for point in anchored.points:
        of = {"name": point.row.entry.label, "metric": point.metric, "fit": "pchip"}
        unit = quantity(point.metric).unit
        yield of | {"measure": "anchor_quality_at_rate", "unit": unit} | _csv_outcome(point.quality)
        yield of | {"measure": "anchor_rate_at_quality", "unit": "bit/pixel"} | _csv_outcome(point.rate)


def _csv_outcome(outcome: Outcome) -> dict[str, Any]:
    of = outcome.distance
    interval = {"low": of.low, "high": of.high, "share": of.share} if of else {}
    clips = {"clips": outcome.clips[0]} if outcome.clips else {}
    return {"value": outcome.value, "reason": outcome.reason, **interval, **clips}


def _each(groups: Sequence[Group], tables: AnchoredTables) -> Iterator[tuple[Group, str, Anchored]]:
    for group in groups:
        for table in group.tables:
            for anchored in tables.get((group.slug, table.media), []):
                yield group, table.media, anchored


def _rate_cell(outcome: Outcome, metric: str) -> Cell:
    text = NOTHING if outcome.value is None else f"{outcome.value:+.1f} %"
    return _value(outcome.value, text, outcome.reason or _over(outcome, metric))


def _quality_cell(outcome: Outcome, metric: str) -> Cell:
    text = NOTHING if outcome.value is None else _signed(outcome.value, metric)
    return _value(outcome.value, text, outcome.reason or _over(outcome, RATE))


def _over(outcome: Outcome, axis: str) -> str:
    """What a mean is over: clips, or an interval in the unit of its axis."""
    if outcome.clips:
        return "over {} of {} clips".format(*outcome.clips)
    distance, shown = outcome.distance, quantity(axis)
    if distance is None:
        return ""
    return f"over {shown.format(distance.low)} to {shown.format(distance.high)} ({distance.share:.0%})"


def _signed(value: float, metric: str) -> str:
    text = quantity(metric).format(value)
    return text if text.startswith("-") else f"+{text}"


def _word(text: str) -> Cell:
    return Cell(text, text)


def _value(value: float | None, text: str, note: str = "") -> Cell:
    return Cell(text, number_key(value), note)
