"""What is known of one clip once it was scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from tokenbench.media.clip import Clip, MediaKind

CLIP_COLUMNS = ("clip", "domain", "frames", "height", "width", "fps")


@dataclass(frozen=True, kw_only=True)
class ClipRecord:
    """One row of `clips.csv`.

    Args:
        frames: that were scored.
        fps: 0 for a photograph.
        values: by metric, in the units of `tokenbench.metrics.METRICS`.
    """

    clip: str
    domain: str
    kind: MediaKind
    frames: int
    height: int
    width: int
    fps: float
    values: dict[str, float]

    @classmethod
    def of(cls, clip: Clip, frames: int, values: dict[str, float]) -> ClipRecord:
        """The record of a clip whose size and rate are known, of which so many frames were scored."""
        return cls(
            clip=clip.id,
            domain=clip.domain,
            kind=clip.kind,
            frames=frames,
            height=clip.height,
            width=clip.width,
            fps=clip.fps,
            values=values,
        )

    def as_dict(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(self)


def clips_csv(records: Sequence[ClipRecord], metrics: Sequence[str]) -> str:
    """The text of `clips.csv`: one row a clip, one column a metric; empty where a clip lacks it."""
    rows = [{column: getattr(record, column) for column in CLIP_COLUMNS} | record.values for record in records]
    return pd.DataFrame(rows, columns=[*CLIP_COLUMNS, *metrics]).to_csv(index=False, lineterminator="\n")
