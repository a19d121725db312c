"""Scores by domain: one table a metric, a column a domain; for the page, as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from tokenbench.reporting.cells import Cell, Column, number_key
from tokenbench.reporting.formats import media_title, quality_names, quantity
from tokenbench.reporting.latex import latex_cells
from tokenbench.reporting.leaderboard import Group, Row, Table, file_slug
from tokenbench.reporting.runs import Measure
from tokenbench.reporting.tables import markdown_cells, markdown_text, row_origin

NOTE = "Means over the clips of each domain, with 95 % intervals over them; n where it is not the same in all rows."

_COLUMNS = (
    *("dataset", "manifest_sha256", "protocol", "media", "tokenizer", "run", "storage", "domain", "clips"),
    *("metric", "value", "low", "high", "n"),
)


def domain_columns(table: Table) -> list[Column]:
    """The headers: the tokenizer and every domain."""
    return [Column("Tokenizer"), *(Column(domain, True) for domain in table.domains)]


def domain_blocks(table: Table) -> Iterator[tuple[str, list[tuple[Row, list[Cell]]]]]:
    """Of each metric that domains have: its name, and the rows that are broken down, with their cells."""
    rows = [row for row in table.rows if row.domains]
    for name in domain_metrics(table):
        counts = {domain: {of_domain(row, domain, name).n for row in rows} for domain in table.domains}
        yield name, [(row, _cells(table, row, name, counts)) for row in rows]


def domain_metrics(table: Table) -> list[str]:
    """The metrics that some domain has."""
    return quality_names({name for row in table.rows for part in row.domains.values() for name in part.metrics})


def of_domain(row: Row, domain: str, name: str) -> Measure:
    """A metric over the clips of a domain, without a value where the row has none."""
    part = row.domains.get(domain)
    return part.metrics.get(name, Measure(None)) if part else Measure(None)


def _cells(table: Table, row: Row, name: str, counts: dict[str, set[int | None]]) -> list[Cell]:
    shown, cells = quantity(name), [Cell(row.entry.title, row.entry.title)]
    for domain in table.domains:
        measure = of_domain(row, domain, name)
        number = f"n={measure.n}" if measure.n and len(counts[domain]) > 1 else ""
        note = " ".join(filter(None, [shown.interval(measure), number]))
        cells.append(Cell(shown.format(measure.value), number_key(measure.value), note))
    return cells


def markdown(groups: Sequence[Group]) -> str:
    """All of them, to follow the leaderboards; nothing where no run has domains."""
    parts: list[str] = []
    for group, table in _broken_down(groups):
        parts += [f"## By domain: {markdown_text(group.heading)} · {markdown_text(table.media)}", NOTE]
        columns = domain_columns(table)
        for name, rows in domain_blocks(table):
            parts += [
                f"### {markdown_text(quantity(name).header)}",
                markdown_cells(columns, [cells for _, cells in rows]),
            ]
    return "".join(f"\n{part}\n" for part in parts)


def latex(groups: Sequence[Group]) -> str:
    r"""A booktabs table for each metric of each leaderboard.

    Needs ``\usepackage{booktabs}`` in the preamble.
    """
    parts = [r"% Needs \usepackage{booktabs}. Written by 'tokenbench report'."]
    for group, table in _broken_down(groups):
        for name, rows in domain_blocks(table):
            caption = f"{media_title(table.media)} of {group.heading}: {quantity(name).header} by domain. {NOTE}"
            label = f"{group.slug}-{table.slug}-{file_slug(name)}-domains"
            parts.append(latex_cells(caption, label, domain_columns(table), [cells for _, cells in rows]))
    return "\n\n".join(parts) + "\n"


def csv_text(groups: Sequence[Group]) -> str:
    """One value a line, in full precision."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for group, table in _broken_down(groups):
        for row in table.rows:
            origin = row_origin(group, table, row)
            writer.writerows(origin | line for line in _csv_lines(row))
    return text.getvalue()


def _csv_lines(row: Row) -> Iterator[dict[str, Any]]:
    for domain, part in row.domains.items():
        for name, measure in part.metrics.items():
            values = {"value": measure.value, "low": measure.low, "high": measure.high, "n": measure.n}
            yield {"domain": domain, "clips": part.clips, "metric": name} | values


def _broken_down(groups: Sequence[Group]) -> Iterator[tuple[Group, Table]]:
    return ((group, table) for group in groups for table in group.tables if table.domains)
