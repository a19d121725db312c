"""Measure the paper's tables and write them, published and measured side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import write_text
from tokenbench.reproduction.filled import FilledTable, fill, fill_timing
from tokenbench.reproduction.forms import csv_text, latex, markdown
from tokenbench.reproduction.measure import Job, Say, Settings, list_jobs, run_jobs
from tokenbench.reproduction.plan import Table, load_tables
from tokenbench.reproduction.sections import Section, check_options, open_sections
from tokenbench.reproduction.timing import Timing, timed_outcomes

RUNS = "runs"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done for one table; a table about time has neither sections nor jobs."""

    table: Table
    sections: tuple[Section, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """A table as it was written.

    Args:
        filled: with its values.
        files: Markdown, CSV and LaTeX.
        failed: something went wrong that was not to be expected.
    """

    filled: FilledTable
    files: tuple[Path, ...]
    failed: bool


def plan_work(
    names: Sequence[str], folders: Mapping[str, str], *, limit: int | None = None, frames: int | None = None
) -> list[Work]:
    """What there is to do, with everything opened that is at hand and nothing run.

    Args:
        names: of tables, by their number; "all" is every one.
        folders: of data sets, by their option.
        limit: only the first so many clips.
        frames: only the first so many frames of a clip.

    Raises:
        TokenBenchError: there is no such table or data set, or a folder does not hold its own.
    """
    tables = load_tables()
    known = {str(number): table for number, table in tables.items()}
    for name in names:
        if name not in (*known, "all"):
            raise TokenBenchError(f"no table {name!r}: name {', '.join(known)} or all; Table 4 has nothing to measure")
    chosen = tables if "all" in names else {table.number: table for table in (known[name] for name in names)}
    check_options(chosen, folders)
    return [_work(table, folders, limit, frames) for table in chosen.values()]


def reproduce(work: Work, settings: Settings, out: Path, say: Say, timings: Iterable[Timing] = ()) -> Reproduced:
    """Run what can be run for a table, and write it as OUT/table<N>.md, .csv and .tex.

    Args:
        work: of `plan_work`.
        settings: how to run.
        out: also has the runs, in OUT/runs; the same call again goes on where it stopped.
        say: shows what is being done.
        timings: for a table about time.

    Raises:
        OutputError: results cannot be written.
    """
    table = work.table
    if not table.datasets:
        filled = fill_timing(table, timed_outcomes(table, timings), "Parameters as counted here.")
        failed = False
    else:
        outcomes = list(run_jobs(work.jobs, table.metrics, settings, out / RUNS, say))
        filled = fill(table, work.sections, outcomes, _how(work, settings))
        failed = any(outcome.failed for _, outcome in outcomes)
    texts = {"md": markdown(filled), "csv": csv_text(filled), "tex": latex(filled)}
    files = {ending: out / f"table{table.number}.{ending}" for ending in texts}
    for ending, text in texts.items():
        write_text(files[ending], text)
    return Reproduced(filled=filled, files=tuple(files.values()), failed=failed)


def _work(table: Table, folders: Mapping[str, str], limit: int | None, frames: int | None) -> Work:
    if not table.datasets:
        return Work(table=table)
    sections = open_sections(table, folders, limit=limit, frames=frames)
    return Work(table=table, sections=sections, jobs=tuple(list_jobs(table, sections)))


def _how(work: Work, settings: Settings) -> str:
    storages = ", ".join(f"{section.title} {section.storage}" for section in work.sections if section.dataset)
    return f"Protocol paper/1; storage: {storages}; {settings.device}, {settings.dtype}."
