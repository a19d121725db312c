"""The leaderboard as Markdown for people, CSV for programs and LaTeX for papers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence

from tokenbench.reporting.cells import Cell, Column
from tokenbench.reporting.formats import (
    CEILING_MARK,
    GRID,
    NOTHING,
    PARTIAL_MARK,
    RATE,
    compression,
    media_title,
    millions,
    quality_names,
    quantity,
)
from tokenbench.reporting.latex import latex_table, latex_text, with_note
from tokenbench.reporting.leaderboard import Group, Row, Table

_ORDER_NOTE = (
    "Rows of one storage stand together, the ceiling (identity) first, then by PSNR from high to low. "
    "Ranked: rows of the same storage over all clips, without the ceiling. "
    "In brackets: 95 % intervals over clips."
)
_CEILING_NOTE = (
    "within the interval of the ceiling of the same storage, or beyond it: a better value could not be told apart."
)
_PARTIAL_NOTE = "clips are missing: the means are over fewer clips than in other rows; the row is not ranked."


def markdown(groups: Sequence[Group]) -> str:
    """The leaderboards, best in bold."""
    parts = ["# Leaderboard", _ORDER_NOTE]
    for group in groups:
        parts.append(f"## {markdown_text(group.heading)}")
        parts.append(f"Manifest: {markdown_text(group.dataset.manifest_sha256 or 'not recorded')}")
        parts += [
            f"{markdown_text(quantity(name).title)}: {markdown_text(text)}" for name, text in group.definitions.items()
        ]
        for table in group.tables:
            parts += [f"### {markdown_text(media_title(table.media))}", _markdown_board(table)]
        parts += [
            f"{markdown_text(entry.title)} without {markdown_text(quantity(name).title)}: {markdown_text(reason)}"
            for entry in group.entries
            for name, reason in entry.run.unavailable.items()
        ]
    parts += [f"{mark} {note}" for mark, note in _notes([*_rows(groups)])]
    return "\n\n".join(parts) + "\n"


def _markdown_board(table: Table) -> str:
    headers, numeric = _headers(table)
    rows = [_text_cells(table, row, markdown_text, _markdown_score) for row in table.rows]
    return markdown_table(headers, numeric, rows)


def markdown_table(headers: Sequence[str], numeric: Sequence[bool], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; numbers to the right."""
    lines = [headers, ["---:" if right else "---" for right in numeric], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_cells(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """A table of the page in this form."""
    return markdown_table(
        [markdown_text(column.title) for column in columns],
        [column.numeric for column in columns],
        [[markdown_text(f"{cell.text or NOTHING} {cell.note}") for cell in row] for row in rows],
    )


def _markdown_score(row: Row, name: str) -> str:
    measure, shown = row.measure(name), quantity(name)
    text = shown.format(measure.value)
    text = f"**{text}**" if row.ranks.get(name) == 1 else text
    return f"{text}{_mark(row, name)} {shown.interval(measure)}".strip()


def _mark(row: Row, name: str) -> str:
    return CEILING_MARK if name in row.at_ceiling else ""


def _notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The marks that stand in these rows, with what they mean."""
    marks = []
    if any(row.at_ceiling for row in rows):
        marks.append((CEILING_MARK, _CEILING_NOTE))
    if any(row.partial for row in rows):
        marks.append((PARTIAL_MARK, _PARTIAL_NOTE))
    return marks


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no end of a cell."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", text)


def latex(groups: Sequence[Group]) -> str:
    r"""A booktabs table for each leaderboard, best in bold, second underlined.

    Needs ``\usepackage{booktabs}`` in the preamble.
    """
    parts = [r"% Needs \usepackage{booktabs}. Written by 'tokenbench report'."]
    parts += [_latex_board(group, table) for group in groups for table in group.tables]
    return "\n\n".join(parts) + "\n"


def _latex_board(group: Group, table: Table) -> str:
    headers, numeric = _headers(table)
    body: list[Sequence[str] | str] = []
    for above, row in zip((None, *table.rows), table.rows, strict=False):
        if above is not None and above.run.storage != row.run.storage:
            body.append(r"\midrule")
        body.append(_text_cells(table, row, latex_text, _latex_score))
    caption = f"{media_title(table.media)} of {group.heading}. {_ORDER_NOTE} Best in bold, second underlined."
    caption += "".join(f" {mark}: {note}" for mark, note in _notes(table.rows))
    return latex_table(caption, f"{group.slug}-{table.slug}", headers, numeric, body)


def _latex_score(row: Row, name: str) -> str:
    measure, shown = row.measure(name), quantity(name)
    text = latex_text(shown.format(measure.value))
    command = {1: r"\textbf", 2: r"\underline"}.get(row.ranks.get(name, 0))
    text = (f"{command}{{{text}}}" if command else text) + latex_text(_mark(row, name))
    return with_note(text, shown.interval(measure))


def _headers(table: Table) -> tuple[list[str], list[bool]]:
    """Column titles, and whether the column holds numbers."""
    words = ["Tokenizer", "Storage", "Kind", GRID]
    scores = [quantity(name).header for name in (RATE, *table.qualities)]
    numbers = [scores[0], "Parameters (M)", *scores[1:], "Clips", "Failed"]
    return [*words, *numbers], [False] * len(words) + [True] * len(numbers)


def _text_cells(table: Table, row: Row, escape: Callable[[str], str], score: Callable[[Row, str], str]) -> list[str]:
    tokenizer = row.run.tokenizer
    words = [
        row.entry.label + (f" {PARTIAL_MARK}" if row.partial else ""),
        row.run.storage,
        tokenizer.kind or NOTHING,
        compression(tokenizer),
        quantity(RATE).format(row.rate),
        millions(tokenizer.parameters),
    ]
    counts = [str(row.clips), str(row.failed)]
    return [*map(escape, words), *(score(row, name) for name in table.qualities), *counts]


def csv_text(groups: Sequence[Group]) -> str:
    """One flat table in full precision; empty cells where a value is unknown."""
    qualities = quality_names({name for row in _rows(groups) for name in row.metrics})
    lines = [_csv_row(group, table, row, qualities) for group in groups for table in group.tables for row in table.rows]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _csv_row(group: Group, table: Table, row: Row, qualities: Iterable[str]) -> dict[str, object]:
    tokenizer = row.run.tokenizer
    t, h, w = tokenizer.compression or (None, None, None)
    cells = row_origin(group, table, row) | {
        "tokenizer": tokenizer.name,
        "kind": tokenizer.kind,
        "modality": tokenizer.modality,
        "compression_t": t,
        "compression_h": h,
        "compression_w": w,
        "latent_channels": tokenizer.latent_channels,
        "vocabulary": tokenizer.vocabulary,
        "parameters": tokenizer.parameters,
        "bits_per_pixel": row.rate,
    }
    for name in qualities:
        measure = row.measure(name)
        cells |= {
            name: measure.value,
            f"{name}_low": measure.low,
            f"{name}_high": measure.high,
            f"{name}_n": measure.n,
            f"{name}_at_ceiling": int(name in row.at_ceiling),
        }
    return cells | {"clips": row.clips, "failed": row.failed, "partial": int(row.partial)}


def row_origin(group: Group, table: Table, row: Row) -> dict[str, object]:
    """The columns that say whose values a line of a flat table holds, settings with the tokenizer's name."""
    return {
        "dataset": group.dataset.name,
        "manifest_sha256": group.dataset.manifest_sha256,
        "protocol": group.dataset.protocol,
        "media": table.media,
        "tokenizer": row.run.tokenizer.title,
        "run": row.run.name,
        "storage": row.run.storage,
    }


def _rows(groups: Iterable[Group]) -> Iterable[Row]:
    return (row for group in groups for table in group.tables for row in table.rows)
