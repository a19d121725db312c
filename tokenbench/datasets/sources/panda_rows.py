"""The files that describe clips of Panda-70M: tables (csv) in both forms, rows of the list, sidecars (JSON)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenbench.datasets.sources.panda_clip import PandaClip, one_line, parse_clips
from tokenbench.errors import TokenBenchError

# In the order of the benchmark's list; the last two came in October 2024.
COLUMNS = (
    "videoID",
    "url",
    "timestamp",
    "caption",
    "matching_score",
    "desirable_filtering",
    "shot_boundary_detection",
)
_NEEDED = COLUMNS[:3]

# A row of the full training table lists all clips of a video, captions included.
_LONGEST_FIELD = 2**26
_LONGEST_HEADER = 4096

_VIDEO_OF_URL = re.compile(r"(?:[?&]v=|youtu\.be/)([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])", re.ASCII)


def is_table(path: Path) -> bool:
    """Whether a csv file has the columns of Panda-70M.

    Raises:
        TokenBenchError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.readline(_LONGEST_HEADER)
    except OSError as error:
        raise _unreadable(path, error) from error
    return all(name.encode() in header for name in _NEEDED)


def read_rows(path: Path, videos: Container[str] | None = None) -> list[PandaClip]:
    """The clips of a csv file, of either form, in its order.

    Args:
        path: a table with a header.
        videos: only clips of these videos; the rows of others are passed over unread. None is all.

    Raises:
        TokenBenchError: the file cannot be read, is no table of Panda-70M, or one of its rows is malformed.
    """
    lines = _lines(path)
    header = next(lines, (0, []))[1]
    if lacking := [name for name in _NEEDED if name not in header]:
        raise TokenBenchError(f"{path}: has no column {lacking[0]}; give a csv file of Panda-70M")
    video = header.index("videoID")
    clips: list[PandaClip] = []
    for number, row in lines:
        if videos is None or (len(row) > video and row[video] in videos):
            try:
                clips += parse_clips(dict(zip(header, row, strict=False)))
            except ValueError as error:
                raise TokenBenchError(f"{path}, line {number}: {error}; download the file again") from error
    return clips


def parse_entries(entries: Sequence[str]) -> list[PandaClip]:
    """Rows of the benchmark's list, which all have one clip.

    Raises:
        TokenBenchError: one is malformed.
    """
    clips = []
    for entry in entries:
        try:
            row = next(csv.reader([entry]), [])
            clips.append(_only_clip(dict(zip(COLUMNS, row, strict=False))))
        except (csv.Error, ValueError) as error:
            raise TokenBenchError(f"{entry[:60]!r} in the list is no clip of Panda-70M: {error}") from error
    return clips


@dataclass(frozen=True)
class Sidecar:
    """What the downloader wrote beside a clip, or in the place of one that it did not get.

    Args:
        status: "success", or why there is no video.
        clip: that lies beside it; None where none does.
    """

    status: str
    clip: PandaClip | None


def parse_sidecar(data: bytes) -> Sidecar | None:
    """A sidecar's text (JSON); None for any other JSON file.

    Raises:
        ValueError: damaged, or malformed.
    """
    try:
        fields = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(fields, dict) or not {"url", "clips"} <= fields.keys():
        return None
    status = one_line(fields.get("status", "success"))
    if status != "success":
        return Sidecar(status, None)
    match = _VIDEO_OF_URL.search(str(fields["url"]))
    video = match[1] if match else str(fields["url"])
    return Sidecar(status, _only_clip({**fields, "videoID": video, "timestamp": fields["clips"]}))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of a csv file that are not empty, with the number of their last line."""
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise _unreadable(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TokenBenchError(f"{path}: not a readable csv file ({error}); download it again") from error


def _only_clip(row: Mapping[str, Any]) -> PandaClip:
    clips = parse_clips(row)
    if len(clips) > 1:
        raise ValueError(f"it names {len(clips)} clips, expected one")
    return clips[0]


def _unreadable(path: Path, error: OSError) -> TokenBenchError:
    return TokenBenchError(f"{path}: {error.strerror}; check the path and its permissions")
