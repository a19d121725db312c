"""Which rows of a leaderboard are points of one curve.

Codecs' results whose names differ in the number at their end alone (`h264-crf23`, `h264-crf28`), with the same
settings and storage, are one codec at several operating points.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenbench.reporting.formats import RATE, quantity
from tokenbench.reporting.leaderboard import Row, Table
from tokenbench.statistics.bjontegaard import RateCurve

_POINT = re.compile(r"(.+)-[A-Za-z]+[0-9]+(?:\.[0-9]+)?", re.DOTALL)


@dataclass(frozen=True)
class Curve:
    """A codec at two or more operating points.

    Args:
        name: of the codec, with its settings.
        storage: that its reconstructions went through.
        rows: by rising rate.
    """

    name: str
    storage: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """The name, with the storage where there is one."""
        return self.name if self.storage == "none" else f"{self.name} · {self.storage}"

    def of(self, metric: str) -> RateCurve:
        """Its points by one metric, where they have a value."""
        return self._curve(metric, [(row.rate, row.measure(metric).value) for row in self.rows])

    def of_clips(self, metric: str, media: str) -> dict[str, RateCurve]:
        """The same of each clip of a kind ("all": of any), by the clips' names."""
        points: dict[str, list[tuple[float | None, float | None]]] = {}
        for clip in (clip for row in self.rows for clip in row.run.clips if media in ("all", clip.media)):
            points.setdefault(clip.clip, []).append((clip.scores.get(RATE), clip.scores.get(metric)))
        return {clip: self._curve(metric, known) for clip, known in points.items()}

    def _curve(self, metric: str, known: Sequence[tuple[float | None, float | None]]) -> RateCurve:
        points = [(rate, value) for rate, value in known if rate is not None and value is not None]
        return RateCurve(
            rates=tuple(rate for rate, _ in points),
            qualities=tuple(value for _, value in points),
            rising=bool(quantity(metric).higher_is_better),
            name=self.name,
        )


def find_curves(table: Table) -> list[Curve]:
    """The curves of a leaderboard, by name; rows over fewer clips than others have no part in them."""
    members: dict[tuple[str, str], list[Row]] = {}
    for row in table.rows:
        point = _POINT.fullmatch(row.run.tokenizer.name)
        if point and row.run.tokenizer.kind == "codec" and not row.partial and has_rate(row):
            name = row.run.tokenizer.with_settings(point[1])
            members.setdefault((name, row.run.storage), []).append(row)
    return [
        Curve(name, storage, tuple(sorted(rows, key=lambda row: row.rate or 0)))
        for (name, storage), rows in sorted(members.items())
        if len(rows) > 1
    ]


def has_rate(row: Row) -> bool:
    """Whether a row has a place on an axis of rates."""
    return row.rate is not None and 0 < row.rate < math.inf
