"""From a journal to a result: means, set metrics, and what they stand on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenbench.evaluation.journal import Journal
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import (
    SCHEMA,
    DatasetSection,
    Failure,
    Result,
    add_sets,
    by_media,
    skipped_metrics,
    summaries,
    write_clips,
    write_frames,
    write_result,
)
from tokenbench.evaluation.sets import score_sets


def scored_records(journal: Journal, names: Iterable[str]) -> list[ClipRecord]:
    """Records of the clips that were scored, in the order of those names."""
    return [journal.records[name] for name in names if name in journal.records]


def journalled(journal: Journal, kind: str) -> list[ClipRecord]:
    """Records of one kind of media, in the order in which their attachments lie."""
    return [record for record in journal.records.values() if record.kind == kind]


def assemble(
    journal: Journal,
    names: Sequence[str],
    failed: list[Failure],
    *,
    tokenizer: dict[str, Any],
    dataset: str,
    manifest_sha256: str,
    protocol: Protocol,
    measures: Measures,
    samples: list[dict[str, Any]],
    environment: dict[str, Any],
) -> Result:
    """The result of a run that has ended.

    Args:
        journal: of the run.
        names: of all clips, in the data set's order.
        failed: clips that could not be scored.
        tokenizer: section of the result.
        dataset: its name.
        manifest_sha256: of its manifest or listing.
        protocol: how the clips were scored.
        measures: what was measured.
        samples: section of the result.
        environment: section of the result.
    """
    records = scored_records(journal, names)
    result = Result(
        schema=SCHEMA,
        tokenizer=tokenizer,
        dataset=DatasetSection(
            name=dataset,
            protocol=protocol.label,
            clips=len(records),
            frames=sum(record.frames for record in records),
            manifest_sha256=manifest_sha256,
        ),
        protocol=protocol.as_dict(),
        metrics=summaries(records),
        media=by_media(records),
        unavailable=dict(measures.unavailable),
        skipped=skipped_metrics(records),
        failed=failed,
        samples=samples,
        environment=environment,
    )
    numbers = {name: number for number, name in enumerate(names)}
    for kind in result["media"]:
        sets = score_sets(measures, journalled(journal, kind), journal.attachments, numbers, kind)
        add_sets(result, kind, sets.metrics, sets.unavailable)
    return result


def write_run(folder: Path, result: Result, records: Sequence[ClipRecord]) -> None:
    """Write `clips.csv`, `frames.csv` and, last, `result.json`; each whole or not at all.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    write_clips(folder / "clips.csv", records)
    write_frames(folder / "frames.csv", records)
    write_result(folder / "result.json", result)
