"""Limits on scores: which clips a protocol takes, and why it leaves out the others."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tokenbench.datasets.screening.scores import Scores
from tokenbench.errors import TokenBenchError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The smallest or largest value of a score that is accepted, by the score's name; None sets no limit."""

    min_motion: float | None = None
    min_motion_peak: float | None = None
    max_static_share: float | None = None
    max_blur: float | None = None
    max_blockiness: float | None = None
    max_darkness: float | None = None
    max_border_rows: float | None = None
    max_border_columns: float | None = None
    max_cuts: float | None = None
    min_short_side: float | None = None
    min_fps: float | None = None


# What stands for "low quality and small motion removed by hand". Chosen so that good clips pass and damaged ones do
# not; docs/screening.md shows both.
PANDA_70M = Limits(
    min_motion_peak=0.02,
    max_static_share=0.95,
    max_blur=0.6,
    max_blockiness=0.25,
    max_darkness=0.7,
    max_border_rows=0.02,
    max_border_columns=0.02,
    max_cuts=0,
    min_short_side=360,
)


def read_limits(table: Mapping[str, object]) -> Limits:
    """Limits as a protocol's table states them.

    Args:
        table: numbers of 0 or more, by the names of `Limits`.

    Raises:
        TokenBenchError: a name is unknown, or a value is no such number.
    """
    names = [field.name for field in fields(Limits)]
    values: dict[str, float] = {}
    for name, value in table.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
            raise TokenBenchError(f"unknown limit {name!r}: {hint}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise TokenBenchError(f"limit {name} is {value!r}: give a number of 0 or more")
        values[name] = value
    return Limits(**values)


def judge(scores: Scores, limits: Limits) -> list[str]:
    """Why a clip is left out, a clause for each limit that it breaks; none where it is taken."""
    reasons = []
    for field in fields(limits):
        limit = getattr(limits, field.name)
        if limit is None:
            continue
        kind, _, name = field.name.partition("_")
        score, word = getattr(scores, name), name.replace("_", " ")
        if kind == "min" and score < limit:
            reasons.append(f"{word} {score:.4g} is below {limit:.4g}")
        if kind == "max" and score > limit:
            reasons.append(f"{word} {score:.4g} is above {limit:.4g}")
    return reasons
