"""`result.json`: the one place where its layout is written down."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pandas as pd

from tokenbench.evaluation.record import ClipRecord, clips_csv
from tokenbench.files import write_text
from tokenbench.media.clip import MediaKind
from tokenbench.metrics import METRICS
from tokenbench.metrics.frames import CHANNELS
from tokenbench.metrics.phases import psnr_series
from tokenbench.sealed import seal
from tokenbench.statistics import summarise

SCHEMA = "tokenbench.result/1"

KINDS: tuple[MediaKind, ...] = ("video", "image")


class MetricValue(TypedDict):
    """A data set's value with its 95 % interval: a mean over `n` clips, or one value of a set of `n` samples.

    Null where no clip has one. Values of sets have more to say (`tokenbench.metrics.sets`).
    """

    value: float | None
    unit: str
    ci95: list[float | None]
    n: int
    clusters: NotRequired[int]
    features: NotRequired[int]
    rank: NotRequired[int]
    standard_error: NotRequired[float | None]
    method: NotRequired[str]
    infinity: NotRequired[float | None]
    infinity_missing: NotRequired[str | None]
    warning: NotRequired[str | None]


class Failure(TypedDict):
    """A clip that could not be scored."""

    clip: str
    error: str


class Skipped(TypedDict):
    """A metric that one clip has no value for."""

    clip: str
    metric: str
    reason: str


class DomainSection(TypedDict):
    """The values over the clips of one domain."""

    clips: int
    metrics: dict[str, MetricValue]


class MediaSection(TypedDict):
    """The same values over the video clips alone, or over the photographs alone.

    `domains` stands where there is more than one; `phases` (`tokenbench.metrics.phases`) where a tokenizer compresses
    time; `tokens` (`tokenbench.metrics.tokens`) where they could be seen; `unavailable` says why a metric has no value.
    """

    clips: int
    frames: int
    metrics: dict[str, MetricValue]
    domains: NotRequired[dict[str, DomainSection]]
    phases: NotRequired[dict[str, Any]]
    tokens: NotRequired[dict[str, Any]]
    unavailable: NotRequired[dict[str, str]]


class DatasetSection(TypedDict):
    """`clips` and `frames` count what was scored."""

    name: str
    protocol: str
    clips: int
    frames: int
    manifest_sha256: str | None


class Result(TypedDict):
    """Everything that a report needs, and that traces a number to what made it.

    `metrics` is over all clips; set metrics stand there only where all clips are of one kind. `unavailable` says which
    metrics were asked for and could not be measured, and why. `tables` has the SHA-256 of the files beside it, by name.
    """

    schema: str
    tokenizer: dict[str, Any]
    dataset: DatasetSection
    protocol: dict[str, Any]
    metrics: dict[str, MetricValue]
    media: dict[str, MediaSection]
    unavailable: dict[str, str]
    skipped: list[Skipped]
    failed: list[Failure]
    samples: list[dict[str, Any]]
    environment: dict[str, Any]
    tables: NotRequired[dict[str, str]]


def metric_names(records: Collection[ClipRecord]) -> list[str]:
    """Metrics that some clip has, in the catalogue's order; PSNR and SSIM always."""
    present = {"psnr", "ssim"}.union(*(record.values for record in records))
    return [name for name in METRICS if name in present]


def summaries(records: Sequence[ClipRecord]) -> dict[str, MetricValue]:
    """Mean, interval and number of clips, by metric; clips of one source are resampled together."""
    return {name: _summary(name, [r for r in records if name in r.values]) for name in metric_names(records)}


def _summary(name: str, records: Sequence[ClipRecord]) -> MetricValue:
    clusters = [record.cluster for record in records]
    values = [record.values[name] for record in records]
    return summarise(values, METRICS[name].unit, clusters=clusters).as_dict()  # type: ignore[return-value]


def by_media(records: Sequence[ClipRecord]) -> dict[str, MediaSection]:
    """The summaries apart for videos and photographs, which no mean should mix unseen."""
    sections: dict[str, MediaSection] = {}
    for kind in KINDS:
        chosen = [record for record in records if record.kind == kind]
        if not chosen:
            continue
        sections[kind] = MediaSection(
            clips=len(chosen), frames=sum(record.frames for record in chosen), metrics=summaries(chosen)
        )
        domains = sorted({record.domain for record in chosen})
        if len(domains) > 1:
            sections[kind]["domains"] = {domain: _domain(chosen, domain) for domain in domains}
    return sections


def _domain(records: Sequence[ClipRecord], domain: str) -> DomainSection:
    chosen = [record for record in records if record.domain == domain]
    return DomainSection(clips=len(chosen), metrics=summaries(chosen))


def skipped_metrics(records: Iterable[ClipRecord]) -> list[Skipped]:
    """Which clips have no value for which metrics."""
    return [
        Skipped(clip=record.clip, metric=metric, reason=reason)
        for record in records
        for metric, reason in sorted(record.skipped.items())
    ]


def add_sets(result: Result, kind: str, metrics: Mapping[str, Any], unavailable: Mapping[str, str]) -> None:
    """Put the values of sets beside the means over clips."""
    section = result["media"][kind]
    section["metrics"] |= metrics
    if unavailable:
        section["unavailable"] = dict(unavailable)
        result["unavailable"] |= unavailable
    if len(result["media"]) == 1:
        result["metrics"] |= metrics


def write_result(path: Path, result: Result) -> None:
    """Write `result.json`, whole or not at all; plain JSON, without NaN, its checksum at the end."""
    plain = json.loads(json.dumps(result, allow_nan=False))
    write_text(path, seal(plain, indent=2, ensure_ascii=False) + "\n")


def write_clips(path: Path, records: Sequence[ClipRecord]) -> None:
    """Write `clips.csv`, whole or not at all."""
    write_text(path, clips_csv(records, metric_names(records)))


def write_frames(path: Path, records: Sequence[ClipRecord]) -> None:
    """Write `frames.csv`, PSNR by frame of every video, whole or not at all."""
    parts = [
        pd.DataFrame({"clip": record.clip, "frame": range(record.frames), "psnr": _series(record)})
        for record in records
        if record.kind == "video" and record.squared_errors
    ]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["clip", "frame", "psnr"])
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.4f"))


def _series(record: ClipRecord) -> list[float]:
    return psnr_series(record.squared_errors, record.height * record.width * CHANNELS)
