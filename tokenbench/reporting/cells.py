"""The page's sortable tables: what each cell shows, and what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenbench.reporting.formats import (
    CEILING_MARK,
    GRID,
    NOTHING,
    PARTIAL_MARK,
    RATE,
    TIMES,
    compression,
    millions,
    quantity,
)
from tokenbench.reporting.leaderboard import Row, Table


@dataclass(frozen=True)
class Column:
    """A column's header.

    Args:
        title: with the unit.
        numeric: sorted by number and set to the right.
        hint: explains the title on hovering.
        metric: that the column holds, where rows can be compared by it.
    """

    title: str
    numeric: bool = False
    hint: str = ""
    metric: str = ""


@dataclass(frozen=True)
class Cell:
    """A table cell.

    Args:
        text: what is shown.
        key: what is sorted by; empty for a missing value, which stands last in either direction.
        note: small print behind the text.
        rank: 1 or 2 for the best and second, else 0.
        kind: of the row's tokenizer, for the coloured mark.
        link: place in the page that says more.
    """

    text: str
    key: str = ""
    note: str = ""
    rank: int = 0
    kind: str = ""
    link: str = ""


def board_columns(table: Table) -> list[Column]:
    """The headers of a leaderboard."""
    return [
        Column("Tokenizer"),
        Column("Storage", hint="how reconstructions were stored before they were scored"),
        Column("Kind"),
        Column(GRID, True, "pixels that a token stands for along time, height and width"),
        Column(quantity(RATE).header, True),
        Column("Params (M)", True, "parameters of encoder and decoder, in millions"),
        *(Column(_scored(name), True, "mean over clips [95 % interval]", name) for name in table.qualities),
        Column("Clips", True, "scored"),
        Column("Failed", True),
    ]


def board_cells(table: Table, row: Row, link: str) -> list[Cell]:
    """One line of a leaderboard; the tokenizer's name leads to where its numbers come from."""
    tokenizer = row.run.tokenizer
    kind = "ceiling" if row.run.is_ceiling else tokenizer.kind or "other"
    grid = compression(tokenizer)
    return [
        Cell(row.entry.label + (f" {PARTIAL_MARK}" if row.partial else ""), row.entry.label, kind=kind, link=link),
        _word(row.run.storage),
        _word(tokenizer.kind or ""),
        Cell(grid, number_key(None if grid == NOTHING else math.prod(tokenizer.compression or ()))),
        _number(row.rate, RATE),
        Cell(millions(tokenizer.parameters), number_key(tokenizer.parameters)),
        *(_mean(row, name) for name in table.qualities),
        _whole(row.clips),
        _whole(row.failed),
    ]


def clip_columns(names: Sequence[str]) -> list[Column]:
    """The headers of the table of clips, with the metrics of those names."""
    return [
        Column("Clip"),
        Column("Domain"),
        Column("Tokenizer"),
        Column("Size (px)", True, f"width {TIMES} height, sorted by area"),
        Column("Frames", True),
        Column("Rate (fps)", True, "frames per second; none for a photograph"),
        *(Column(_scored(name), True) for name in names),
        Column(quantity(RATE).header, True),
    ]


def _scored(name: str) -> str:
    """A metric's header, with the direction that is better."""
    shown = quantity(name)
    return shown.header + {True: " ↑", False: " ↓", None: ""}[shown.higher_is_better]


def _mean(row: Row, name: str) -> Cell:
    measure, shown = row.measure(name), quantity(name)
    rank = row.ranks.get(name, 0)
    note = shown.interval(measure)
    text = shown.format(measure.value) + (f" {CEILING_MARK}" if name in row.at_ceiling else "")
    return Cell(text, number_key(measure.value), note, rank if rank <= 2 else 0)


def _word(text: str) -> Cell:
    return Cell(text or NOTHING, text)


def _number(value: float | None, name: str) -> Cell:
    return Cell(quantity(name).format(value), number_key(value))


def _whole(value: int | None) -> Cell:
    return Cell(NOTHING if value is None else str(value), number_key(value))


def number_key(value: float | None) -> str:
    """A number as the script reads it."""
    if value is None:
        return ""
    return str(value) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
