"""How each of the paper's tables is measured: rows, data sets, metrics, tolerances and known traps, read from data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenbench.datasets.table import read_table
from tokenbench.errors import TokenBenchError
from tokenbench.reproduction.published import Published, paper_folder, published

SCHEMA = "tokenbench.reproduction/1"


@dataclass(frozen=True, kw_only=True)
class PaperMetric:
    """A column of values.

    Args:
        paper: its name in the published tables.
        name: of the metric here.
        title: in headers, with the unit.
        decimals: of measured values.
        tolerance: largest difference that counts as reproduced; a share of the published value where `relative`.
        reason: why that much.
    """

    paper: str
    name: str
    title: str
    decimals: int
    tolerance: float
    relative: bool = False
    reason: str


@dataclass(frozen=True, kw_only=True)
class PaperDataset:
    """A data set of the paper.

    Args:
        paper: its name in the published tables.
        option: its name on the command line.
        source: of `tokenbench.datasets.sources.SOURCES`; empty for a built folder.
        opened: the name that the whole set has when it is opened; empty where it may be any.
        build: the protocol that a built folder must come from; empty where there is none.
        kind: of its clips.
        clips: that it has.
        storage: what its frames went through before they were scored (`tokenbench.evaluation.storage`).
        get: where to get it.
    """

    paper: str
    option: str
    source: str = ""
    opened: str = ""
    build: str = ""
    kind: Literal["video", "image"]
    clips: int
    storage: str = "none"
    get: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A tokenizer in a table.

    Args:
        paper: its published name; empty for a stand-in, which no table of the paper has.
        tokenizer: its registered name.
        version: of the paper.
        compression, formulation: as published.
        columns: further words of the row, by the name of their column ("frames": "49").
        window: frames of the independent windows that clips are cut into; None leaves it to the tokenizer.
        note: what to know of it.
        values: published, by section and metric.
    """

    paper: str
    tokenizer: str
    version: str = ""
    compression: str = ""
    formulation: str = ""
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    window: int | None = None
    note: str = ""
    values: Mapping[tuple[str, str], Published] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One of the paper's tables.

    Args:
        number: in the paper.
        title: in a few words.
        columns: between a tokenizer's formulation and its values.
        datasets: that it is measured on; none where it is about time.
        metrics: measured on each of them.
        rows: in the paper's order.
        stand_ins: tokenizers that are measured beside the rows where none of the data sets is at hand.
        notes: what one must know to read a difference.
        device: that the published times were measured on; empty where it does not matter.
    """

    number: int
    title: str
    columns: tuple[str, ...]
    datasets: tuple[PaperDataset, ...]
    metrics: tuple[PaperMetric, ...]
    rows: tuple[Row, ...]
    stand_ins: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    device: str = ""


@dataclass(frozen=True, kw_only=True)
class _Named:
    """A published tokenizer -> a registered one; an empty field fits all, and a note without `note_in` all tables."""

    paper: str
    name: str
    compression: str = ""
    formulation: str = ""
    window: int = 0
    note: str = ""
    note_in: tuple[int, ...] = ()

    def fits(self, value: Published) -> bool:
        mine = (self.paper, self.compression or value.compression, self.formulation or value.formulation)
        return mine == (value.tokenizer, value.compression, value.formulation)


@dataclass(frozen=True, kw_only=True)
class _Outline:
    """A table as the file has it: names in place of records."""

    number: int
    title: str
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    datasets: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    device: str = ""


def load_tables() -> dict[int, Table]:
    """The tables that can be measured, by their number.

    Raises:
        TokenBenchError: the file of the plan is damaged, or names what there is not.
    """
    path = paper_folder() / "reproduction.toml"
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TokenBenchError(f"{path} cannot be read: {error}; install tokenbench again") from error
    if plan.get("schema") != SCHEMA:
        raise TokenBenchError(f"{path}: schema is {plan.get('schema')!r}, expected {SCHEMA!r}")

    def read(kind: Any, name: str) -> list[Any]:
        return [read_table(kind, entry, f"{path}: {name} {i}") for i, entry in enumerate(plan.get(name, ()), 1)]

    metrics = {metric.paper: metric for metric in read(PaperMetric, "metrics")}
    datasets = {dataset.paper: dataset for dataset in read(PaperDataset, "datasets")}
    named = read(_Named, "tokenizers")
    try:
        return {
            outline.number: Table(
                number=outline.number,
                title=outline.title,
                columns=outline.columns,
                datasets=tuple(datasets[name] for name in outline.datasets),
                metrics=tuple(metrics[name] for name in outline.metrics),
                rows=_rows(published(f"table{outline.number}"), outline, named),
                stand_ins=tuple(Row(paper="", tokenizer=name) for name in outline.stand_ins),
                notes=tuple(plan["notes"][name] for name in outline.notes),
                device=outline.device,
            )
            for outline in read(_Outline, "tables")
        }
    except KeyError as error:
        raise TokenBenchError(f"{path}: a table names {error}, which the file does not have") from error


def _rows(values: Sequence[Published], outline: _Outline, named: Sequence[_Named]) -> tuple[Row, ...]:
    """The values of each row together, in the order of their first."""
    grouped: dict[tuple[str, ...], list[Published]] = {}
    for value in values:
        key = (value.version, value.tokenizer, value.kind, value.compression, value.formulation)
        grouped.setdefault(key, []).append(value)
    return tuple(_row(group, outline, named) for group in grouped.values())


def _row(values: Sequence[Published], outline: _Outline, named: Sequence[_Named]) -> Row:
    first = values[0]
    fitting = next((each for each in named if each.fits(first)), None)
    if fitting is None:
        raise TokenBenchError(f"reproduction.toml names no tokenizer for {first.tokenizer} {first.compression}")
    words = {value.metric: value.value for value in values if value.metric in outline.columns}
    frames = words.get("frames", "")
    return Row(
        paper=first.tokenizer,
        tokenizer=fitting.name,
        version=first.version,
        compression=first.compression,
        formulation=first.formulation,
        columns=words,
        window=fitting.window or (int(frames) if frames.isdecimal() else None),
        note=fitting.note if outline.number in (fitting.note_in or (outline.number,)) else "",
        values={(value.section, value.metric): value for value in values if value.metric not in outline.columns},
    )
