"""Build one clip: screen it, prepare it, and keep a record of it; or find that this was done before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tokenbench.datasets.building.images import PreparedImage, image_preset, prepare_image
from tokenbench.datasets.building.names import file_stem
from tokenbench.datasets.building.origin import source_sha256
from tokenbench.datasets.building.preparation import Preparation
from tokenbench.datasets.building.records import Record, read_record, write_record
from tokenbench.datasets.building.versions import versions
from tokenbench.datasets.building.video import Prepared, prepare_video
from tokenbench.datasets.screening.limits import judge, read_limits
from tokenbench.datasets.screening.screen import screen
from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.media.clip import Clip
from tokenbench.media.stamp import Stamp, refuse_changed, stamp
from tokenbench.media.stored import stored_suffix


@dataclass(frozen=True, kw_only=True)
class Task:
    """One clip to build.

    Args:
        clip: as its source describes it.
        folder: of the set's results.
        records: folder of the set's records.
        video: what is done to a video.
        images: the preset that is done to a photograph.
        screening: limits of scores; empty for no screening.
    """

    clip: Clip
    folder: Path
    records: Path
    video: Preparation
    images: str
    screening: Mapping[str, float]

    @property
    def record(self) -> Path:
        """Where the clip's record lies."""
        return self.records / f"{file_stem(self.clip.id)}.json"


@dataclass(frozen=True)
class Failed:
    """Why a clip could not be built.

    Args:
        error: in one line.
        fatal: whether no other clip can be built either, as on a full disk.
    """

    error: str
    fatal: bool = False


def build_clip(task: Task) -> Record | Failed:
    """The clip's record, its file being there; or why there is none."""
    try:
        known = read_record(task.record)
        if known is not None and (still := _still_right(task, known)) is not None:
            if still != known:
                write_record(task.record, still)
            return still
        record = _build(task)
        refuse_changed(task.clip, record.source)
        write_record(task.record, record)
        return record
    except OutputError as error:
        return Failed(str(error), fatal=True)
    except TokenBenchError as error:
        return Failed(str(error))
    except MemoryError:
        return Failed(f"{task.clip.content}: not enough memory; run fewer --workers")


def _build(task: Task) -> Record:
    clip = task.clip
    made = Record(key=_key(task), source=stamp(clip), source_sha256=source_sha256(clip))
    if task.screening and clip.kind == "video":
        scores = screen(clip)
        made = replace(made, scores=asdict(scores), reasons=tuple(judge(scores, read_limits(task.screening))))
        if made.reasons:
            return made
    prepared: Prepared | PreparedImage
    if clip.kind == "image":
        out, prepared = prepare_image(clip, image_preset(task.images), task.folder / file_stem(clip.id))
    else:
        out = task.folder / f"{file_stem(clip.id)}{stored_suffix(task.video.storage)}"
        prepared = prepare_video(clip, task.video, out)
    return replace(
        made,
        file=out.name,
        output=_stamp(out),
        sha256=sha256_of_file(out),
        prepared=json.loads(json.dumps(asdict(prepared))),
    )


def _still_right(task: Task, known: Record) -> Record | None:
    """The record with stamps as they are now, if a new build would come to the same; None if it may not."""
    if known.key != _key(task):
        return None
    source = stamp(task.clip)
    if source != known.source and source_sha256(task.clip) != known.source_sha256:
        return None
    if not known.file:
        return replace(known, source=source)
    out = task.folder / known.file
    if not out.is_file():
        return None
    output = _stamp(out)
    if output != known.output and sha256_of_file(out) != known.sha256:
        return None
    return replace(known, source=source, output=output)


def _stamp(path: Path) -> Stamp:
    state = path.stat()
    return Stamp(state.st_size, state.st_mtime_ns)


def _key(task: Task) -> str:
    clip = task.clip
    choices = {
        "clip": [clip.id, clip.kind, clip.fps, clip.member, clip.start, clip.end],
        "choices": task.images if clip.kind == "image" else asdict(task.video),
        "screening": dict(task.screening),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()
