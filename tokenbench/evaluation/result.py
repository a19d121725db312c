"""`result.json`: the one place where its layout is written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from tokenbench.evaluation.record import ClipRecord, clips_csv
from tokenbench.files import write_text
from tokenbench.metrics import METRICS
from tokenbench.statistics import summarise

SCHEMA = "tokenbench.result/1"


class MetricValue(TypedDict):
    """A data set's value: mean over `n` clips with its 95 % interval; null where no clip has one."""

    value: float | None
    unit: str
    ci95: list[float | None]
    n: int


class Failure(TypedDict):
    """A clip that could not be scored."""

    clip: str
    error: str


class MediaSection(TypedDict):
    """The same values over the video clips alone, or over the photographs alone."""

    clips: int
    frames: int
    metrics: dict[str, MetricValue]


class DatasetSection(TypedDict):
    """`clips` and `frames` count what was scored."""

    name: str
    protocol: str
    clips: int
    frames: int
    manifest_sha256: str | None


class Result(TypedDict):
    """Everything that a report needs, and that traces a number to what made it."""

    schema: str
    tokenizer: dict[str, Any]
    dataset: DatasetSection
    protocol: dict[str, Any]
    metrics: dict[str, MetricValue]
    media: dict[str, MediaSection]
    failed: list[Failure]
    samples: list[dict[str, Any]]
    environment: dict[str, Any]


def metric_names(records: Sequence[ClipRecord]) -> list[str]:
    """Metrics that some clip has, in the catalogue's order; PSNR and SSIM always."""
    return [name for name in METRICS if name in ("psnr", "ssim") or any(name in record.values for record in records)]


def summaries(records: Sequence[ClipRecord]) -> dict[str, MetricValue]:
    """Mean, interval and number of clips, by metric."""
    return {
        name: summarise([r.values[name] for r in records if name in r.values], METRICS[name].unit).as_dict()  # type: ignore[misc]
        for name in metric_names(records)
    }


def by_media(records: Sequence[ClipRecord]) -> dict[str, MediaSection]:
    """The summaries apart for videos and photographs, which no mean should mix unseen."""
    sections: dict[str, MediaSection] = {}
    for kind in ("video", "image"):
        chosen = [record for record in records if record.kind == kind]
        if chosen:
            sections[kind] = MediaSection(
                clips=len(chosen), frames=sum(record.frames for record in chosen), metrics=summaries(chosen)
            )
    return sections


def write_result(path: Path, result: Result) -> None:
    """Write `result.json`, whole or not at all; plain JSON, without NaN."""
    write_text(path, json.dumps(result, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_clips(path: Path, records: Sequence[ClipRecord]) -> None:
    """Write `clips.csv`, whole or not at all."""
    write_text(path, clips_csv(records, metric_names(records)))
