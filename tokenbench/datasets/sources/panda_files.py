"""What lies in a download of Panda-70M: clips with sidecars, whole videos, numbered pieces of videos, tables."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokenbench.datasets.folder import VIDEO_SUFFIXES
from tokenbench.datasets.sources.panda_clip import PandaClip, is_video_id
from tokenbench.datasets.sources.panda_rows import Sidecar, is_table, parse_sidecar
from tokenbench.datasets.walk import walk
from tokenbench.errors import ClipError
from tokenbench.media.member import Member
from tokenbench.media.tar import members

# "2k_jxJAdGTE_3.mp4", or "2k_jxJAdGTE.3.mp4" of the project's own splitting tool.
_PIECE = re.compile(r"([A-Za-z0-9_-]{11})[_.](\d{1,5})", re.ASCII)

# Where the downloader keeps what it has not finished.
_UNFINISHED = "_tmp"

_UNREADABLE_FORMS = (".parquet", ".tfrecord", ".tfrecords")


@dataclass(frozen=True)
class PandaFiles:
    """Videos of a folder, by what tells which clips they hold.

    Args:
        clips: of one clip each, as their sidecars say.
        whole: whole videos, named by their id.
        pieces: of a video by its id, and their number.
        tables: csv files of Panda-70M.
        failed: how many sidecars stand for a video that was not downloaded, by the reason that they give.
        skipped: other files that are of no use, a line each.
        packed: files of forms that are not read.
    """

    clips: list[tuple[PandaClip, Path | Member]] = field(default_factory=list)
    whole: list[tuple[str, Path | Member]] = field(default_factory=list)
    pieces: list[tuple[str, int, Path | Member]] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    packed: list[Path] = field(default_factory=list)


def look(root: Path) -> PandaFiles:
    """Sort the files under a folder, and in its tar archives; no video is opened.

    Raises:
        TokenBenchError: a folder cannot be read.
    """
    files = PandaFiles()
    for parent, folders, names in walk(root):
        folders[:] = [name for name in folders if name != _UNFINISHED]
        _sort_samples(files, [parent / name for name in names])
        for name in names:
            path = parent / name
            if path.suffix == ".tar":
                _sort_archive(files, path)
            elif path.suffix.lower() == ".csv" and is_table(path):
                files.tables.append(path)
            elif path.suffix.lower() in _UNREADABLE_FORMS or ".tfrecord-" in name:
                files.packed.append(path)
    return files


def _sort_archive(files: PandaFiles, archive: Path) -> None:
    try:
        shown = [name for name in members(archive) if not os.path.basename(name).startswith(".")]
        _sort_samples(files, [Member(archive, name) for name in shown])
    except ClipError as error:
        files.skipped.append(str(error))


def _sort_samples(files: PandaFiles, contents: Sequence[Path | Member]) -> None:
    """Files of one folder or archive; those of one sample have one name, but for the suffix."""
    sidecars = _sidecars(files, contents)
    used = set()
    for content in contents:
        if content.suffix.lower() in VIDEO_SUFFIXES:
            sample = _sample(content)
            sidecar = sidecars.get(sample)
            if sidecar is None:
                _sort_by_name(files, content)
            elif sidecar.clip is not None:
                used.add(sample)
                files.clips.append((sidecar.clip, content))
    for sample, sidecar in sidecars.items():
        if sidecar.clip is None:
            files.failed[sidecar.status] += 1
        elif sample not in used:
            files.skipped.append(f"{sidecar.clip}: has a sidecar and no video; download it again")


def _sidecars(files: PandaFiles, contents: Sequence[Path | Member]) -> dict[str, Sidecar]:
    """By the name of their sample; those that cannot be read are noted."""
    found = {}
    for content in contents:
        if content.suffix == ".json":
            try:
                sidecar = parse_sidecar(content.read_bytes())
            except OSError as error:
                files.skipped.append(f"{content}: {error.strerror}; make the file readable")
            except ValueError as error:
                files.skipped.append(f"{content}: not a readable sidecar: {error}; download the clip again")
            else:
                if sidecar is not None:
                    found[_sample(content)] = sidecar
    return found


def _sort_by_name(files: PandaFiles, content: Path | Member) -> None:
    name = os.path.basename(_sample(content))
    if is_video_id(name):
        files.whole.append((name, content))
    elif match := _PIECE.fullmatch(name):
        files.pieces.append((match[1], int(match[2]), content))
    else:
        files.skipped.append(f"{content}: no sidecar tells which clip it is; put its .json beside it")


def _sample(content: Path | Member) -> str:
    return os.path.splitext(content.name)[0]
