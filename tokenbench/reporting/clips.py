"""The scores of every clip, from a run's clips.csv."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.records import WRITE_AGAIN

# Columns that say what a clip itself is like; older runs lack them.
_TRAITS = ("ti", "si", "luma")


@dataclass(frozen=True)
class ClipScores:
    """One line of clips.csv.

    `source` is the video that other clips may have been cut from too, empty for its own; `traits` are the clip's own.
    """

    clip: str
    domain: str
    frames: int | None
    height: int | None
    width: int | None
    fps: float | None
    scores: Mapping[str, float | None]
    source: str = ""
    traits: Mapping[str, float] = field(default_factory=dict)

    @property
    def media(self) -> str:
        """A photograph has one frame and no frame rate."""
        return "image" if self.frames == 1 and not self.fps else "video"

    @property
    def cluster(self) -> str:
        """Clips of one cluster are not independent of each other."""
        return self.source or self.clip


def read_clips(file: Path, metrics: Collection[str]) -> tuple[ClipScores, ...]:
    """The lines of clips.csv, with its columns of `metrics`; none where there is no such file."""
    if not file.is_file():
        return ()
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            if "clip" not in (reader.fieldnames or []):
                raise TokenBenchError(f"{file} has no column 'clip'; {WRITE_AGAIN}")
            return tuple(_clip(file, reader.line_num, row, metrics) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TokenBenchError(f"{file} cannot be read: {error}; {WRITE_AGAIN}") from error


def _clip(file: Path, line: int, row: Mapping[str, str | None], metrics: Collection[str]) -> ClipScores:
    def number(key: str) -> float | None:
        text = row.get(key)
        try:
            value = float(text) if text else None
        except ValueError as error:
            place = f"{file}, line {line}: {key}"
            raise TokenBenchError(f"{place} is {text!r}, expected a number; {WRITE_AGAIN}") from error
        return None if value is None or math.isnan(value) else value

    def whole(key: str) -> int | None:
        value = number(key)
        return None if value is None or math.isinf(value) else int(value)

    return ClipScores(
        clip=row["clip"] or "",
        domain=row.get("domain") or "",
        frames=whole("frames"),
        height=whole("height"),
        width=whole("width"),
        fps=number("fps"),
        scores={name: number(name) for name in metrics if name in row},
        source=row.get("source") or "",
        traits={name: value for name in _TRAITS if (value := number(name)) is not None},
    )
