"""One of the paper's tables, filled with what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tokenbench.reproduction.measure import Job, Outcome
from tokenbench.reproduction.plan import PaperMetric, Row, Table
from tokenbench.reproduction.sections import STAND_IN, Section
from tokenbench.reproduction.verdict import Cell, Verdict, judge


@dataclass(frozen=True, kw_only=True)
class FilledRow:
    """A row with its cells; None where there is nothing to measure and nothing published."""

    row: Row
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, kw_only=True)
class FilledTable:
    """A table, ready to be written.

    Args:
        table: of the paper.
        heads: section and metric above each cell.
        rows: the paper's, then the stand-ins.
        remark: what must be known before any number is read; empty where there is nothing.
        how: by which the values were measured, in one line.
    """

    table: Table
    heads: tuple[tuple[str, PaperMetric], ...]
    rows: tuple[FilledRow, ...]
    remark: str
    how: str

    @property
    def cells(self) -> list[Cell]:
        """All of them, row by row."""
        return [cell for row in self.rows for cell in row.cells if cell is not None]

    @property
    def reasons(self) -> list[str]:
        """Of all verdicts, each once, in the order in which they come; footnotes count from 1."""
        return list(dict.fromkeys(reason for cell in self.cells for reason in cell.reasons))

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many cells have each verdict."""
        return dict(Counter(cell.verdict for cell in self.cells))


def fill(table: Table, sections: Sequence[Section], outcomes: Iterable[tuple[Job, Outcome]], how: str) -> FilledTable:
    """A table on data sets.

    Args:
        table: of the paper.
        sections: that it was measured on.
        outcomes: of all jobs.
        how: device and dtype, in one line.
    """
    stand_in = any(section.is_stand_in for section in sections)
    found = {(job.row, job.section.title): outcome for job, outcome in outcomes}
    remark = (
        f"These are not the paper's data. None of the data sets of this table was given, so the tokenizers that are "
        f"ready were measured on the embedded set {STAND_IN}; rows without a published name stand for the paper's. "
        "No value here says whether a published one can be reproduced."
    )
    return _filled(
        table,
        [section.title for section in sections],
        (*table.rows, *(table.stand_ins if stand_in else ())),
        found,
        remark if stand_in else "",
        how,
    )


def fill_timing(table: Table, outcomes: Mapping[Row, Outcome], how: str) -> FilledTable:
    """A table about time, whose one section is the device that the published times are of."""
    section = next(iter({section for row in table.rows for section, _ in row.values}))
    return _filled(table, [section], table.rows, {(row, section): each for row, each in outcomes.items()}, "", how)


def _filled(
    table: Table,
    sections: Sequence[str],
    rows: Sequence[Row],
    outcomes: Mapping[tuple[Row, str], Outcome],
    remark: str,
    how: str,
) -> FilledTable:
    heads = tuple((section, metric) for section in sections for metric in table.metrics)
    filled = [FilledRow(row=row, cells=tuple(_cell(row, *head, outcomes) for head in heads)) for row in rows]
    return FilledTable(table=table, heads=heads, rows=tuple(filled), remark=remark, how=how)


def _cell(row: Row, section: str, metric: PaperMetric, outcomes: Mapping[tuple[Row, str], Outcome]) -> Cell | None:
    outcome = outcomes.get((row, section))
    if outcome is None:
        return None
    return judge(section, metric, row.values.get((section, metric.paper)), outcome, row.note)
