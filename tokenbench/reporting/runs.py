"""A run: the folder that one evaluation wrote, read into typed records and checked on the way in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.reporting.clips import ClipScores, read_clips
from tokenbench.reporting.records import WRITE_AGAIN, Record, read_record

SCHEMA = "tokenbench.result/1"


@dataclass(frozen=True)
class Measure:
    """A mean over clips with its 95 % interval; None where there was nothing to average.

    The value of a set has the rank of its features, and `n` counts its samples.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    rank: int | None = None


Metrics = Mapping[str, Measure]


@dataclass(frozen=True)
class TokenizerRecord:
    """What the result says of the tokenizer; only the name is sure.

    `window` counts the frames that clips were cut into; None where they streamed, or nothing was cut.
    """

    name: str
    kind: str | None = None
    modality: str | None = None
    compression: tuple[int, int, int] | None = None
    latent_channels: int | None = None
    vocabulary: int | None = None
    bits_per_pixel: float | None = None
    parameters: int | None = None
    license: str | None = None
    weights: str | None = None
    source: str | None = None
    description: str | None = None
    weights_sha256: str | None = None
    window: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name, with the settings that were not left as they are."""
        return self.with_settings(self.name)

    def with_settings(self, name: str) -> str:
        """A name that settings belong to."""
        chosen = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{name} ({chosen})" if chosen else name


@dataclass(frozen=True)
class Dataset:
    """What was judged: which clips (by the manifest's hash; the counts are of those scored), under which protocol."""

    name: str
    protocol: str
    clips: int | None = None
    frames: int | None = None
    manifest_sha256: str | None = None


@dataclass(frozen=True)
class MediaResult:
    """The means over one kind of clips: "video", "image" (photographs) or "all" (not told apart).

    `domains` are the means over the clips of each domain, by its name; none where there is one alone.
    """

    clips: int | None
    metrics: Metrics
    domains: Mapping[str, MediaResult] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One frame beside its reconstruction; the paths are whole."""

    rank: str
    clip: str
    media: str | None
    frame: int | None
    psnr: float | None
    reference: Path
    reconstruction: Path


@dataclass(frozen=True)
class Failure:
    """A clip that could not be scored, and why."""

    clip: str
    error: str


@dataclass(frozen=True)
class Run:
    """One evaluation, as it lies on the disk; `unavailable` says which metrics could not be measured, and why."""

    folder: Path
    tokenizer: TokenizerRecord
    dataset: Dataset
    protocol: Mapping[str, Any]
    metrics: Metrics
    media: Mapping[str, MediaResult]
    unavailable: Mapping[str, str]
    failed: tuple[Failure, ...]
    samples: tuple[Sample, ...]
    environment: Mapping[str, Any]
    clips: tuple[ClipScores, ...]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @property
    def storage(self) -> str:
        """How reconstructions were stored before they were scored; "none" where they were not."""
        named = re.search(r"\+storage=([^+]*)", self.dataset.protocol)
        return str(self.protocol.get("storage") or (named[1] if named else "none"))

    @property
    def base_protocol(self) -> str:
        """The protocol apart from storage."""
        return re.sub(r"\+storage=[^+]*", "", self.dataset.protocol)

    @property
    def is_ceiling(self) -> bool:
        """The identity loses nothing itself: it shows the best that protocol and storage allow."""
        return self.tokenizer.name == "identity"


def load_run(path: Path) -> Run:
    """Read a run.

    Args:
        path: a folder written by `tokenbench eval`, or its result.json.

    Raises:
        TokenBenchError: it is not there, or not what such a folder holds.
    """
    file = _result_file(path)
    record = read_record(file)
    schema = record.data.get("schema")
    if schema != SCHEMA:
        raise TokenBenchError(f"{file} has schema {schema!r}, expected {SCHEMA!r}; {WRITE_AGAIN} of this version")
    _refuse_changed(file.parent, _texts(record.child("tables")))
    metrics = _metrics(record.child("metrics", required=True))
    clips = read_clips(file.parent / "clips.csv", metrics)
    return Run(
        folder=file.parent,
        tokenizer=_tokenizer(record.child("tokenizer", required=True)),
        dataset=_dataset(record.child("dataset", required=True)),
        protocol=record.child("protocol").data,
        metrics=metrics,
        media=_media(record.child("media"), metrics, clips),
        unavailable=_texts(record.child("unavailable")),
        failed=tuple(Failure(item.text("clip"), item.text("error")) for item in record.children("failed")),
        samples=tuple(_sample(item) for item in record.children("samples")),
        environment=record.child("environment").data,
        clips=clips,
    )


def load_runs(paths: Iterable[Path]) -> list[Run]:
    """Read several runs; a folder that is named twice is read once."""
    files: dict[Path, Path] = {}
    for path in paths:
        files.setdefault(_result_file(path).resolve(), path)
    return [load_run(path) for path in files.values()]


def _result_file(path: Path) -> Path:
    """The result.json that `path` means."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise TokenBenchError(
            f"no run at {path}: give a folder written by 'tokenbench eval', or the path of its result.json"
        )
    file = path / "result.json"
    if not file.is_file():
        raise TokenBenchError(
            f"{path} holds no result.json: let its 'tokenbench eval' finish first, or give another folder"
        )
    return file


def _refuse_changed(folder: Path, tables: Mapping[str, str]) -> None:
    """Refuse tables that are not those that the result was written with."""
    for name, digest in tables.items():
        file = folder / PurePosixPath(name).name
        if file.is_file() and sha256_of_file(file) != digest:
            raise TokenBenchError(f"{file} was changed after it was written; {WRITE_AGAIN}")


def _tokenizer(record: Record) -> TokenizerRecord:
    compression = record.numbers("compression", 3)
    if compression is not None and not all(part and math.isfinite(part) and part >= 1 for part in compression):
        raise record.bad("compression", "three whole numbers (T, H, W)")
    t, h, w = (int(part or 1) for part in compression or (1, 1, 1))
    return TokenizerRecord(
        name=record.text("name"),
        kind=record.optional_text("kind"),
        modality=record.optional_text("modality"),
        compression=(t, h, w) if compression else None,
        latent_channels=record.whole("latent_channels"),
        vocabulary=record.whole("vocabulary"),
        bits_per_pixel=record.number("bits_per_pixel"),
        parameters=record.whole("parameters"),
        license=record.optional_text("license"),
        weights=record.optional_text("weights"),
        source=record.optional_text("source"),
        description=record.optional_text("description"),
        weights_sha256=record.optional_text("weights_sha256"),
        window=record.whole("window_used"),
        settings=record.child("settings").data,
    )


def _dataset(record: Record) -> Dataset:
    return Dataset(
        name=record.text("name"),
        protocol=record.text("protocol"),
        clips=record.whole("clips"),
        frames=record.whole("frames"),
        manifest_sha256=record.optional_text("manifest_sha256"),
    )


def _metrics(record: Record) -> dict[str, Measure]:
    return {name: _measure(record.child(name, required=True)) for name in record.data}


def _measure(record: Record) -> Measure:
    low, high = record.numbers("ci95", 2) or (None, None)
    unit = record.optional_text("unit") or ""
    return Measure(record.number("value"), low, high, record.whole("n"), unit, record.whole("rank"))


def _media(record: Record, metrics: Metrics, clips: tuple[ClipScores, ...]) -> dict[str, MediaResult]:
    """The result's own split; without one the whole, under the kind of its clips where all are of one."""
    parts = {name: record.child(name) for name, part in record.data.items() if part is not None}
    if parts:
        return {name: _media_result(part) for name, part in parts.items()}
    kinds = {clip.media for clip in clips}
    return {kinds.pop() if len(kinds) == 1 else "all": MediaResult(len(clips) or None, metrics)}


def _media_result(record: Record) -> MediaResult:
    domains = record.child("domains")
    parts = {name: _media_result(domains.child(name, required=True)) for name in domains.data}
    return MediaResult(record.whole("clips"), _metrics(record.child("metrics")), parts)


def _texts(record: Record) -> dict[str, str]:
    return {name: record.text(name) for name in record.data}


def _sample(record: Record) -> Sample:
    return Sample(
        rank=record.text("rank"),
        clip=record.text("clip"),
        media=record.optional_text("kind"),
        frame=record.whole("frame"),
        psnr=record.number("psnr"),
        reference=_inside(record, "reference"),
        reconstruction=_inside(record, "reconstruction"),
    )


def _inside(record: Record, key: str) -> Path:
    """A path below the run's folder: a page must not take up pictures from elsewhere on the disk."""
    relative, folder = PurePosixPath(record.text(key)), record.file.parent
    if relative.is_absolute() or ".." in relative.parts or "\0" in relative.name:
        raise record.bad(key, "a path inside the run's folder")
    if not (folder / relative).resolve().is_relative_to(folder.resolve()):
        raise record.bad(key, "a picture inside the run's folder, not a link out of it")
    return folder / relative
