"""The page's sortable tables: what each cell shows, and what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.formats import (
    GRID,
    NOTHING,
    PARTIAL_MARK,
    RATE,
    TIMES,
    compression,
    millions,
    quantity,
)
from tokenbench.reporting.leaderboard import Entry, Row, Table


@dataclass(frozen=True)
class Column:
    """A column's header.

    Args:
        title: with the unit.
        numeric: sorted by number and set to the right.
        hint: explains the title on hovering.
    """

    title: str
    numeric: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """A table cell.

    Args:
        text: what is shown.
        key: what is sorted by; empty for a missing value, which stands last in either direction.
        note: small print behind the text.
        rank: 1 or 2 for the best and second, else 0.
        kind: of the row's tokenizer, for the coloured mark.
    """

    text: str
    key: str = ""
    note: str = ""
    rank: int = 0
    kind: str = ""


def board_columns(table: Table) -> list[Column]:
    """The headers of a leaderboard."""
    return [
        Column("Tokenizer"),
        Column("Storage", hint="how reconstructions were stored before they were scored"),
        Column("Kind"),
        Column(GRID, True, "pixels that a token stands for along time, height and width"),
        Column(quantity(RATE).header, True),
        Column("Params (M)", True, "parameters of encoder and decoder, in millions"),
        *(Column(_scored(name), True, "mean over clips [95 % interval]") for name in table.qualities),
        Column("Clips", True, "scored"),
        Column("Failed", True),
    ]


def board_cells(table: Table, row: Row) -> list[Cell]:
    """One line of a leaderboard."""
    tokenizer = row.run.tokenizer
    kind = "ceiling" if row.run.is_ceiling else tokenizer.kind or "other"
    grid = compression(tokenizer)
    return [
        Cell(row.entry.label + (f" {PARTIAL_MARK}" if row.partial else ""), row.entry.label, kind=kind),
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


def clip_cells(entry: Entry, clip: ClipScores, names: Sequence[str]) -> list[Cell]:
    """One clip under one tokenizer."""
    width, height, fps = clip.width, clip.height, clip.fps or None
    sized = width is not None and height is not None
    return [
        _word(clip.clip),
        _word(clip.domain),
        _word(entry.title),
        Cell(
            f"{width}{TIMES}{height}" if sized else NOTHING,
            number_key(width * height if width and height else None),
        ),
        _whole(clip.frames),
        Cell(f"{fps:.4g}" if fps else NOTHING, number_key(fps)),
        *(_number(clip.scores.get(name), name) for name in names),
        _number(clip.scores.get(RATE), RATE),
    ]


def _scored(name: str) -> str:
    """A metric's header, with the direction that is better."""
    shown = quantity(name)
    return shown.header + {True: " ↑", False: " ↓", None: ""}[shown.higher_is_better]


def _mean(row: Row, name: str) -> Cell:
    measure, shown = row.measure(name), quantity(name)
    rank = row.ranks.get(name, 0)
    note = shown.interval(measure)
    return Cell(shown.format(measure.value), number_key(measure.value), note, rank if rank <= 2 else 0)


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
