"""From the folder of a run whose clips are scored to its result: means, set metrics, and what they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.folder import RunFolder
from tokenbench.evaluation.places import clip_places
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
from tokenbench.evaluation.samples import keep_samples
from tokenbench.evaluation.sets import score_sets
from tokenbench.evaluation.token_summary import summarise_tokens
from tokenbench.files import sha256_of_file
from tokenbench.metrics.frames import CHANNELS
from tokenbench.metrics.phases import mean_phases, phases


def assemble(folder: RunFolder, failed: list[Failure], environment: dict[str, Any]) -> Result:
    """The result of a run that has ended; samples of other clips than those that it shows are removed.

    Args:
        folder: of the run.
        failed: clips that could not be scored.
        environment: section of the result.

    Raises:
        OutputError: the folder cannot be written.
    """
    heading, journal, records = folder.heading, folder.journal, folder.records()
    result = Result(
        schema=SCHEMA,
        tokenizer=dict(heading.tokenizer),
        dataset=DatasetSection(
            name=heading.dataset,
            protocol=heading.label,
            clips=len(records),
            frames=sum(record.frames for record in records),
            manifest_sha256=heading.manifest_sha256,
        ),
        protocol=dict(heading.protocol),
        metrics=summaries(records),
        media=by_media(records),
        unavailable=dict(heading.unavailable),
        skipped=skipped_metrics(records),
        failed=failed,
        samples=keep_samples(folder.path, folder.samples, heading.numbers, records),
        environment=environment,
    )
    for kind in result["media"]:
        of_kind = folder.journalled(kind)
        sets = score_sets(heading, of_kind, journal.attachments, kind)
        add_sets(result, kind, sets.metrics, sets.unavailable)
        _add_tokens(result, kind, of_kind, journal.attachments)
        if profile := _phases(heading.tokenizer, of_kind):
            result["media"][kind]["phases"] = profile
    if result["tokenizer"].get("bits_per_pixel", 0) is None and "bits_per_pixel" in result["metrics"]:
        result["tokenizer"]["bits_per_pixel"] = result["metrics"]["bits_per_pixel"]["value"]
    return result


def finish(folder: RunFolder, failed: list[Failure], environment: dict[str, Any]) -> Result:
    """Write `clips.csv`, `frames.csv` and, last, `result.json`; each whole or not at all.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    result, records = assemble(folder, failed, environment), folder.records()
    clips, frames = folder.path / "clips.csv", folder.path / "frames.csv"
    write_clips(clips, records)
    write_frames(frames, records)
    result["tables"] = {table.name: sha256_of_file(table) for table in (clips, frames)}
    write_result(folder.path / "result.json", result)
    return result


def _add_tokens(result: Result, kind: str, records: Sequence[ClipRecord], attachments: Attachments) -> None:
    """Say what the tokens are like, or why that cannot be said."""
    try:
        tokens = summarise_tokens(records, attachments, kind)
    except TokenBenchError as error:
        result["unavailable"]["tokens"] = str(error)
        return
    if tokens is not None:
        result["media"][kind]["tokens"] = tokens


def _phases(tokenizer: Mapping[str, Any], records: Sequence[ClipRecord]) -> dict[str, Any] | None:
    """How quality goes over the frames that share a token; None where every frame has its own."""
    stride, *_ = tokenizer.get("compression", [1])
    if stride == 1:
        return None
    profiles = [
        phases(
            record.squared_errors,
            stride,
            record.height * record.width * CHANNELS,
            clip_places(record.frames, tokenizer),
        )
        for record in records
        if record.kind == "video" and record.squared_errors
    ]
    return mean_phases(profiles) if profiles else None
