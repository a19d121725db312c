"""What is known of one clip once it was scored."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from tokenbench.media.clip import Clip, MediaKind
from tokenbench.metrics.traits import TRAITS

CLIP_COLUMNS = ("clip", "domain", "frames", "height", "width", "fps")


@dataclass(frozen=True)
class Attached:
    """Bytes that a clip left in its run's attachments.

    Args:
        length: in bytes.
        crc32: of them.
    """

    length: int
    crc32: int

    @classmethod
    def of(cls, data: bytes) -> Attached:
        """What is recorded of these bytes."""
        return cls(len(data), zlib.crc32(data))


@dataclass(frozen=True, kw_only=True)
class ClipRecord:
    """One row of `clips.csv`.

    Args:
        source: the video or take that the clip was cut from, where other clips may share it; empty for its own.
        frames: that were scored.
        fps: 0 for a photograph.
        values: by metric, in the units of `tokenbench.metrics.METRICS`.
        traits: of the clip itself (`tokenbench.metrics.traits`).
        squared_errors: sum over each frame's values; empty where the protocol does not score 8-bit frames.
        skipped: metrics that the clip has no value for, and why.
        attached: what it left in the run's attachments, by kind.
    """

    clip: str
    domain: str
    kind: MediaKind
    source: str = ""
    frames: int
    height: int
    width: int
    fps: float
    values: dict[str, float]
    traits: dict[str, float] = field(default_factory=dict)
    squared_errors: Sequence[int] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    attached: dict[str, Attached] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Eight bytes each: a long run keeps those of all frames of all clips.
        object.__setattr__(self, "squared_errors", array("Q", self.squared_errors))

    @classmethod
    def of(cls, clip: Clip, frames: int, values: dict[str, float], **more: Any) -> ClipRecord:
        """The record of a clip whose size and rate are known, of which so many frames were scored."""
        return cls(
            clip=clip.id,
            domain=clip.domain,
            kind=clip.kind,
            source=clip.source,
            frames=frames,
            height=clip.height,
            width=clip.width,
            fps=clip.fps,
            values=values,
            **more,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClipRecord:
        """From what `as_dict` gave.

        Raises:
            TypeError: it has other fields.
            OverflowError: errors are negative, or larger than any.
        """
        attached = {name: Attached(**part) for name, part in values.get("attached", {}).items()}
        return cls(**{**values, "attached": attached})

    @property
    def cluster(self) -> str:
        """Clips of one cluster are not independent of each other, and are resampled together."""
        return self.source or self.clip

    def as_dict(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(self) | {"squared_errors": list(self.squared_errors)}


def clips_csv(records: Sequence[ClipRecord], metrics: Sequence[str]) -> str:
    """The text of `clips.csv`: one row a clip, one column a metric; empty where a clip lacks it.

    A column `source` stands where some clip names one, and one for each trait that some clip has.
    """
    columns = [*CLIP_COLUMNS[:2], *(["source"] if any(record.source for record in records) else []), *CLIP_COLUMNS[2:]]
    traits = [name for name in TRAITS if any(name in record.traits for record in records)]
    rows = [
        {column: getattr(record, column) for column in columns} | record.traits | record.values for record in records
    ]
    return pd.DataFrame(rows, columns=[*columns, *traits, *metrics]).to_csv(index=False, lineterminator="\n")
