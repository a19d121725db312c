"""Breakdowns by what clips are like: for the page, as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from tokenbench.reporting.cells import Cell, Column, number_key
from tokenbench.reporting.filters import traits
from tokenbench.reporting.formats import media_title, quality_names, quantity
from tokenbench.reporting.latex import latex_cells
from tokenbench.reporting.leaderboard import Group, Row, Table, file_slug
from tokenbench.reporting.runs import Measure
from tokenbench.reporting.slices import Breakdown, Breakdowns
from tokenbench.reporting.tables import markdown_cells, markdown_text, row_origin

NOTE = (
    "Thirds of the data set's clips, the same for every row: by TI and SI as ITU-T P.910 defines them, by mean luma, "
    "and by pixels a frame. Clips of one value stay together. Means over a third's clips, with 95 % intervals where it "
    "has several."
)
NOT_RECORDED = (
    "These runs did not record motion, texture and brightness of their clips: evaluate one of them anew with this "
    "version, and all runs over the same clips are broken down."
)

_COLUMNS = (
    *("dataset", "manifest_sha256", "protocol", "media", "tokenizer", "run", "storage", "trait", "slice", "from", "to"),
    *("clips", "metric", "value", "low", "high", "n"),
)


def slice_section(group: Group, breakdowns: Sequence[Breakdown]) -> dict[str, Any]:
    """For the page: a note, what is lacking, and a table for each breakdown."""
    return {
        "note": NOTE,
        "lacking": "" if _is_recorded(group) else NOT_RECORDED,
        "tables": [
            {
                "title": _title(each),
                "note": _extents(each),
                "columns": _columns(each, _metrics(each)),
                "rows": _rows(each, _metrics(each)),
                "traits": [traits(row) for row in _rows_of(group, each)],
            }
            for each in breakdowns
        ],
    }


def markdown(groups: Sequence[Group], breakdowns: Breakdowns) -> str:
    """All breakdowns, to follow the leaderboards; nothing where no run has clips.

    Args:
        groups: from `leaderboard.group_runs`.
        breakdowns: from `slices.break_down`, by slug of the group.
    """
    parts: list[str] = []
    for group in groups:
        if not any(entry.run.clips for entry in group.entries):
            continue
        parts += [f"## By clips that are alike: {markdown_text(group.heading)}", NOTE]
        parts += [] if _is_recorded(group) else [NOT_RECORDED]
        for each in breakdowns[group.slug]:
            parts += [f"### {markdown_text(_title(each))}", markdown_text(_extents(each))]
            if each.slices:
                parts.append(markdown_cells(_columns(each, _metrics(each)), _rows(each, _metrics(each))))
    return "".join(f"\n{part}\n" for part in parts)


def latex(groups: Sequence[Group], breakdowns: Breakdowns) -> str:
    r"""A booktabs table for each breakdown and metric.

    Needs ``\usepackage{booktabs}`` in the preamble.
    """
    parts = [r"% Needs \usepackage{booktabs}. Written by 'tokenbench report'."]
    for group, each in _cut(groups, breakdowns):
        for metric in _metrics(each):
            caption = f"{_title(each)}, {group.heading}: {quantity(metric).header}. {_extents(each)}. {NOTE}"
            label = "-".join((group.slug, file_slug(each.media), file_slug(metric), each.trait.name))
            parts.append(latex_cells(caption, label, _columns(each, [metric]), _rows(each, [metric])))
    return "\n\n".join(parts) + "\n"


def csv_text(groups: Sequence[Group], breakdowns: Breakdowns) -> str:
    """One value a line, in full precision."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for group, each in _cut(groups, breakdowns):
        for row in _rows_of(group, each):
            origin = row_origin(group, _table_of(group, each), row) | {"trait": each.trait.name}
            writer.writerows(origin | line for line in _csv_lines(each, row))
    return text.getvalue()


def _csv_lines(breakdown: Breakdown, row: Row) -> Iterator[dict[str, Any]]:
    for metric, measures in breakdown.scores[row.entry.title].items():
        for part, measure in zip(breakdown.slices, measures, strict=True):
            ends = {"slice": part.name, "from": part.low, "to": part.high, "clips": len(part.clips)}
            value = {"value": measure.value, "low": measure.low, "high": measure.high, "n": measure.n}
            yield ends | {"metric": metric} | value


def _cut(groups: Sequence[Group], breakdowns: Breakdowns) -> Iterator[tuple[Group, Breakdown]]:
    """The breakdowns that have slices, with their groups."""
    return ((group, each) for group in groups for each in breakdowns[group.slug] if each.slices)


def _table_of(group: Group, breakdown: Breakdown) -> Table:
    return next(table for table in group.tables if table.media == breakdown.media)


def _rows_of(group: Group, breakdown: Breakdown) -> list[Row]:
    """The rows that are broken down, in the order of their scores."""
    return [row for row in _table_of(group, breakdown).rows if row.entry.title in breakdown.scores]


def _is_recorded(group: Group) -> bool:
    return any(clip.traits for entry in group.entries for clip in entry.run.clips)


def _title(breakdown: Breakdown) -> str:
    return f"{media_title(breakdown.media)} by {breakdown.trait.title[0].lower()}{breakdown.trait.title[1:]}"


def _extents(breakdown: Breakdown) -> str:
    """Which clips are in which slice."""
    parts = [f"{part.name}: {part.extent} ({_clips(len(part.clips))})" for part in breakdown.slices]
    return "; ".join([*parts, *filter(None, [breakdown.missing])])


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"


def _columns(breakdown: Breakdown, metrics: Sequence[str]) -> list[Column]:
    return [
        Column("Tokenizer"),
        *(
            Column(f"{quantity(metric).header}, {part.name}", True, f"{breakdown.trait.title} {part.extent}")
            for metric in metrics
            for part in breakdown.slices
        ),
    ]


def _rows(breakdown: Breakdown, metrics: Sequence[str]) -> list[list[Cell]]:
    return [
        [Cell(title, title), *(cell for name in metrics for cell in _cells(breakdown, scores.get(name, ()), name))]
        for title, scores in breakdown.scores.items()
    ]


def _cells(breakdown: Breakdown, measures: Sequence[Measure], metric: str) -> list[Cell]:
    """A run's score in each slice; none where it did not measure the metric."""
    shown = quantity(metric)
    measures = measures or [Measure(None)] * len(breakdown.slices)
    return [
        Cell(shown.format(measure.value), number_key(measure.value), _note(measure, len(part.clips), metric))
        for measure, part in zip(measures, breakdown.slices, strict=True)
    ]


def _note(measure: Measure, clips: int, metric: str) -> str:
    """The interval, and how many clips the mean is over where that is not all of them."""
    partial = f"n={measure.n} of {clips}" if measure.value is not None and measure.n != clips else ""
    return " ".join(filter(None, [quantity(metric).interval(measure), partial]))


def _metrics(breakdown: Breakdown) -> list[str]:
    return quality_names({metric for scores in breakdown.scores.values() for metric in scores})
