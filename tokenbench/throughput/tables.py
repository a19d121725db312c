"""The rows as tables: on a terminal, as Markdown, as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenbench.reporting.formats import GRID, NOTHING, TIMES, millions, significant
from tokenbench.reporting.latex import latex_table, latex_text
from tokenbench.reporting.tables import markdown_table, markdown_text
from tokenbench.throughput.published import PAPER_DEVICE, paper_times
from tokenbench.throughput.record import Record

# What a table is about, and what its times are of.
_MODALITIES = {"image": ("Images", "image"), "video": ("Video", "frame")}

# Rows that ended before it was known what the tokenizer takes.
_NOT_MADE = ("Not made", "frame")

_GIGA = 1e9
_GIBI = 2**30


@dataclass(frozen=True)
class Section:
    """Rows of one modality from one machine.

    Args:
        title: modality and machine.
        headers: of the columns.
        numeric: which columns hold numbers.
        rows: their cells.
        notes: what a reader must know, a line each.
    """

    title: str
    headers: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    notes: list[str]


def sections(records: Sequence[Record]) -> list[Section]:
    """The rows by machine and modality, in the order in which they came."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        modality = record.get("tokenizer", {}).get("modality", "")
        groups.setdefault((_machine(record["machine"]), modality), []).append(record)
    return [_section(machine, modality, group) for (machine, modality), group in groups.items()]


def markdown(records: Sequence[Record]) -> str:
    """All sections as Markdown."""
    parts = ["# Throughput"]
    for section in sections(records):
        rows = [list(map(markdown_text, row)) for row in section.rows]
        parts += [f"## {markdown_text(section.title)}", markdown_table(section.headers, section.numeric, rows)]
        parts += map(markdown_text, section.notes)
    return "\n\n".join(parts) + "\n"


def latex(records: Sequence[Record]) -> str:
    r"""A booktabs table for each section.

    Needs ``\usepackage{booktabs}`` in the preamble.
    """
    parts = [r"% Needs \usepackage{booktabs}. Written by 'tokenbench throughput'."]
    for number, section in enumerate(sections(records), 1):
        caption = " ".join([f"Throughput: {section.title}.", *section.notes])
        body = [list(map(latex_text, row)) for row in section.rows]
        parts.append(latex_table(caption, f"throughput-{number}", section.headers, section.numeric, body))
    return "\n\n".join(parts) + "\n"


def published(record: Record) -> str:
    """The paper's milliseconds where it timed the same: tokenizer, size, frames and batch; empty where it did not."""
    paper, given = paper_times().get(record["case"]["tokenizer"]), record.get("input")
    if paper is None or given is None:
        return ""
    same = (paper.size, paper.frames, 1) == (tuple(given["size"]), given["frames"], given["batch"])
    return paper.milliseconds if same else ""


def _section(machine: str, modality: str, records: Sequence[Record]) -> Section:
    media, item = _MODALITIES.get(modality, _NOT_MADE)
    columns: list[tuple[str, bool, Callable[[Record], str]]] = [
        ("Tokenizer", False, _name),
        (GRID, False, lambda row: _by(row.get("tokenizer", {}).get("compression"))),
        ("dtype", False, _arithmetic),
        (f"H{TIMES}W", True, lambda row: _by(_input(row).get("size"))),
        ("Frames", True, lambda row: str(_input(row).get("frames", NOTHING))),
        ("Batch", True, lambda row: str(row["case"]["batch"])),
        ("Params (M)", True, lambda row: millions(row.get("tokenizer", {}).get("parameters"))),
        ("Encode (ms)", True, lambda row: _milliseconds(row, "encode")),
        ("Decode (ms)", True, lambda row: _milliseconds(row, "decode")),
        ("Total (ms)", True, _total),
        ("Published (ms)", True, lambda row: published(row) or NOTHING),
        (f"{item.capitalize()}s/s", True, lambda row: _shown(row.get("per_second"))),
        ("Memory (GiB)", True, lambda row: _shown(row.get("memory", {}).get("peak_bytes"), _GIBI)),
        ("Encode (GFLOP)", True, lambda row: _operations(row, "encode")),
        ("Decode (GFLOP)", True, lambda row: _operations(row, "decode")),
    ]
    return Section(
        title=f"{media}, {machine}",
        headers=[title for title, _, _ in columns],
        numeric=[right for _, right, _ in columns],
        rows=[[cell(record) for _, _, cell in columns] for record in records],
        notes=_notes(records, item),
    )


def _notes(records: Sequence[Record], item: str) -> list[str]:
    notes = []
    if any("milliseconds" in record for record in records):
        notes.append(f"Times and operations are of one {item}; times are medians, with quartiles in brackets.")
    if any(published(record) for record in records):
        notes.append(f"Published: arXiv 2501.03575, Table 9, on {PAPER_DEVICE}.")
    random = [record["case"]["tokenizer"] for record in records if record["case"]["weights"] == "random"]
    if random:
        notes.append(f"Random weights, on which time does not depend: {', '.join(dict.fromkeys(random))}.")
    notes += dict.fromkeys(f"Memory: {row['memory']['means']}." for row in records if "memory" in row)
    notes += [
        f"{record['case']['tokenizer']}, {record['status']} at {record['at']}: {record['error']}"
        for record in records
        if "error" in record
    ]
    return notes


def _machine(machine: dict[str, Any]) -> str:
    """What a reader must know of it, in a few words."""
    parts = [machine["name"], f"torch {machine['torch']}"]
    return ", ".join(parts if machine["device"] == "cuda" else [*parts, f"threads: {machine['threads']}"])


def _name(record: Record) -> str:
    return record.get("tokenizer", {}).get("name", record["case"]["tokenizer"])


def _arithmetic(record: Record) -> str:
    return record["case"]["dtype"] + (", compiled" if record.get("compiled") else "")


def _input(record: Record) -> dict[str, Any]:
    return record.get("input", {})


def _by(sizes: Sequence[int] | None) -> str:
    return TIMES.join(map(str, sizes)) if sizes else NOTHING


def _milliseconds(record: Record, what: str) -> str:
    times = record.get("milliseconds")
    return significant(times[what]["median"]) if times else NOTHING


def _total(record: Record) -> str:
    times = record.get("milliseconds")
    if not times:
        return record["status"]
    return "{} [{}, {}]".format(*(significant(times["total"][name]) for name in ("median", "low", "high")))


def _operations(record: Record, what: str) -> str:
    count = record.get("flops", {}).get(what)
    return NOTHING if count is None else _shown(count / record["input"]["items"], _GIGA)


def _shown(value: float | None, unit: float = 1.0) -> str:
    return NOTHING if value is None else significant(value / unit)
