"""What the page's script reads: the scores of every clip, and the comparisons of rows; short, for they are many."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.comparisons import Comparison
from tokenbench.reporting.formats import RATE, quality_names, quantity
from tokenbench.reporting.leaderboard import Group, Table

# More than a reader sees, so that rounding again for display is right but for the rarest of cases.
_DIGITS = 6


def clip_metrics(group: Group) -> list[str]:
    """The metrics that some clip has, apart from the rate."""
    return quality_names({name for entry in group.entries for clip in entry.run.clips for name in clip.scores})


def clip_data(group: Group) -> dict[str, Any]:
    """Tokenizers and clips, each named once, and a row of numbers for each clip of each tokenizer."""
    names = [*clip_metrics(group), RATE]
    places: dict[tuple[Any, ...], int] = {}
    rows = [
        [number, places.setdefault(_described(clip), len(places)), *(_number(clip.scores.get(name)) for name in names)]
        for number, entry in enumerate(group.entries)
        for clip in entry.run.clips
    ]
    return {
        "tokenizers": [entry.title for entry in group.entries],
        "clips": list(places),
        "decimals": [quantity(name).decimals for name in names],
        "rows": rows,
    }


def comparison_data(table: Table, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The table's comparisons; each is baseline, row, metric, verdict, and then the numbers."""
    metrics = [name for name in table.qualities if any(each.metric == name for each in comparisons)]
    verdicts = sorted({each.verdict for each in comparisons})
    return {
        "metrics": metrics,
        "decimals": [quantity(name).decimals for name in metrics],
        "verdicts": verdicts,
        "pairs": [
            [
                each.baseline,
                each.row,
                metrics.index(each.metric),
                verdicts.index(each.verdict),
                each.n,
                *map(_number, (each.difference, each.low, each.high, each.adjusted)),
            ]
            for each in comparisons
        ],
    }


def as_json(data: Any) -> Markup:
    """For the inside of a script element."""
    return htmlsafe_json_dumps(data, dumps=json.dumps, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _described(clip: ClipScores) -> tuple[Any, ...]:
    return clip.clip, clip.domain, clip.width, clip.height, clip.frames, _number(clip.fps or None)


def _number(value: float | None) -> float | str | None:
    """With as many digits as can be of use; JSON has no infinity, which the script makes of its name."""
    if value is None:
        return None
    if not math.isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
