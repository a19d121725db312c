"""One clip of Panda-70M, from a row of its tables or the fields of a sidecar file.

The publisher's csv files have one video a row, with lists of its clips; the downloader's sidecars, and the list of the
benchmark's authors, have one clip a row. Lists and times are Python literals in text, which are parsed and never run.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A first shot that ends so much earlier than the clip, in seconds, is followed by another.
_CUT_MARGIN = 0.5

_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
_TIME = re.compile(r"(\d{1,3}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class PandaClip:
    """One clip of a video.

    Args:
        video: YouTube's id of the video, 11 characters.
        url: of the video.
        start, end: in seconds from the start of the video.
        label: of the publisher's filter, "desirable" or what speaks against the clip; empty in older tables.
        first_shot: length of its first shot in seconds; 0 in older tables.
        number: its place among the clips of its video, from 0, where the row lists them all; None where it does not.
    """

    video: str
    url: str
    start: float
    end: float
    label: str = ""
    first_shot: float = 0.0
    number: int | None = None

    @property
    def id(self) -> str:
        """The same in every layout: the video, start and end in milliseconds."""
        return f"{self.video}_{round(self.start * 1000)}_{round(self.end * 1000)}"

    @property
    def flaw(self) -> str:
        """What its publisher says against it; empty where there is nothing."""
        flaws = []
        if self.label not in ("", "desirable"):
            flaws.append(f"labelled {self.label}")
        if 0 < self.first_shot < self.end - self.start - _CUT_MARGIN:
            flaws.append(f"holds a cut after {self.first_shot:g} s")
        return ", ".join(flaws)

    def __str__(self) -> str:
        return f"{self.video} {clock(self.start)} to {clock(self.end)} ({self.url})"


def is_video_id(text: str) -> bool:
    """Whether a text can be YouTube's id of a video."""
    return _VIDEO.fullmatch(text) is not None


def parse_clips(row: Mapping[str, Any]) -> list[PandaClip]:
    """The clips of a row, or of a sidecar's fields under the names of a row.

    Args:
        row: texts, or the lists that they stand for, by the names of the columns.

    Raises:
        ValueError: says what is malformed.
    """
    video = str(row.get("videoID", ""))
    if not is_video_id(video):
        raise ValueError(f"{video[:40]!r} is no id of a video")
    times = _literal(row, "timestamp")
    if not times or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in times):
        raise ValueError("its timestamp is no list of pairs")
    labels = _one_a_clip(row, "desirable_filtering", len(times))
    shots = _one_a_clip(row, "shot_boundary_detection", len(times))
    # The publisher's rows have lists of lists, and all clips of a video; rows of one clip have a tuple.
    listed = isinstance(times[0], list)
    # Some millions of clips share their video's texts.
    video, url = sys.intern(video), sys.intern(one_line(row.get("url", "")))
    clips = []
    for number, (pair, label, shot) in enumerate(zip(times, labels, shots, strict=True)):
        start, end = map(_seconds, pair)
        if end <= start:
            raise ValueError(f"its clip {number} ends before it starts")
        clips.append(
            PandaClip(
                video=video,
                url=url,
                start=start,
                end=end,
                label=sys.intern(one_line(label)),
                first_shot=_first_end(shot) if shot else 0.0,
                number=number if listed else None,
            )
        )
    return clips


def clock(seconds: float) -> str:
    """A time as the benchmark's list writes it, "00:01:16.643"."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def one_line(text: Any) -> str:
    """A text of others for messages and files: one line, and what is no Unicode spelt out."""
    return " ".join(str(text).encode(errors="backslashreplace").decode().split())


def _one_a_clip(row: Mapping[str, Any], column: str, count: int) -> Sequence[Any]:
    """The values of a column, one for each clip; empty ones where the table is older than the column."""
    values = _literal(row, column)
    if not values:
        return [""] * count
    if count == 1 and column == "shot_boundary_detection":
        return [values]  # a flat pair in the list, and its like in tables
    if len(values) != count:
        raise ValueError(f"its {column} has {len(values)} values for {count} clips")
    return values


def _literal(row: Mapping[str, Any], column: str) -> Sequence[Any]:
    text = row.get(column) or "[]"
    try:
        value = ast.literal_eval(text) if isinstance(text, str) else text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"its {column} is no list") from error
    if not isinstance(value, list | tuple):
        raise ValueError(f"its {column} is no list")
    return value


def _first_end(shots: Any) -> float:
    """Where the first shot ends, of a pair of times, or a list of such pairs."""
    times = [*_flat(shots)]
    if len(times) < 2:
        raise ValueError(f"{str(shots)[:40]!r} is no shot")
    return _seconds(times[1])


def _flat(value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _seconds(time: Any) -> float:
    match = _TIME.fullmatch(time) if isinstance(time, str) else None
    if match is None:
        raise ValueError(f"{str(time)[:40]!r} is no time such as 0:01:16.643")
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
