"""Breakdowns by what clips are like, as Markdown and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenbench.reporting.cells import Cell, Column, number_key
from tokenbench.reporting.formats import media_title, quality_names, quantity
from tokenbench.reporting.leaderboard import Group
from tokenbench.reporting.runs import Measure
from tokenbench.reporting.slices import Breakdown
from tokenbench.reporting.tables import markdown_table, markdown_text

NOTE = (
    "Thirds of the data set's clips, the same for every row: by TI and SI as ITU-T P.910 defines them, by mean luma, "
    "and by pixels a frame. Clips of one value stay together. Means over a third's clips, with 95 % intervals where it "
    "has several."
)
NOT_RECORDED = (
    "These runs did not record motion, texture and brightness of their clips: evaluate one of them anew with this "
    "version, and all runs over the same clips are broken down."
)


def slice_section(group: Group, breakdowns: Sequence[Breakdown]) -> dict[str, Any]:
    """For the page: a note, what is lacking, and a table for each breakdown."""
    return {
        "note": NOTE,
        "lacking": "" if _is_recorded(group) else NOT_RECORDED,
        "tables": [
            {"title": _title(each), "note": _extents(each), "columns": _columns(each), "rows": _rows(each)}
            for each in breakdowns
        ],
    }


def markdown(groups: Sequence[Group], breakdowns: Mapping[str, Sequence[Breakdown]]) -> str:
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
            parts += [_markdown_table(each)] if each.slices else []
    return "".join(f"\n{part}\n" for part in parts)


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


def _markdown_table(breakdown: Breakdown) -> str:
    columns = _columns(breakdown)
    return markdown_table(
        [markdown_text(column.title) for column in columns],
        [column.numeric for column in columns],
        [[markdown_text(f"{cell.text} {cell.note}") for cell in row] for row in _rows(breakdown)],
    )


def _columns(breakdown: Breakdown) -> list[Column]:
    return [
        Column("Tokenizer"),
        *(
            Column(f"{quantity(metric).header}, {part.name}", True, f"{breakdown.trait.title} {part.extent}")
            for metric in _metrics(breakdown)
            for part in breakdown.slices
        ),
    ]


def _rows(breakdown: Breakdown) -> list[list[Cell]]:
    return [
        [
            Cell(title, title),
            *(cell for metric in _metrics(breakdown) for cell in _cells(breakdown, scores.get(metric, ()), metric)),
        ]
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
