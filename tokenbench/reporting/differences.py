"""One metric of one run against another's: the mean difference over the clips that both have, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.comparable import defined_alike
from tokenbench.reporting.formats import quantity
from tokenbench.reporting.runs import Measure, Run
from tokenbench.statistics import LEVEL, Significance, holm, paired

NO_DIFFERENCE = "no difference"
MIXED = "mixed"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of a later run, B, against the first, A, over one kind of media.

    Args:
        run: the label of B.
        media: "video" or "image"; "all" for a set in which they were not told apart.
        metric: its name.
        unit: of means and difference; "1" for a pure number.
        n: clips that both have a value for; samples of a set.
        clusters: that were resampled: as many as clips where each has a source of its own; None for a set.
        only_a: clips that A alone has a value for.
        only_b: clips that B alone has a value for.
        mean_a: of A over the clips of both; its value of a set.
        mean_b: the same of B.
        difference: B - A.
        ci95: the difference's 95 % interval; None for a set.
        significance: whether it can be chance; None for a set.
        adjusted: p, corrected for all comparisons that are made; None for a set.
        verdict: "better", "worse", "no difference" or "mixed" (mean and test point to different sides); "higher" or
            "lower" for a metric without a better side; empty for a set.
        reason: why there is no difference to show; empty where there is one.
    """

    run: str
    media: str
    metric: str
    unit: str
    n: int | None = None
    clusters: int | None = None
    only_a: int = 0
    only_b: int = 0
    mean_a: float | None = None
    mean_b: float | None = None
    difference: float | None = None
    ci95: tuple[float, float] | None = None
    significance: Significance | None = None
    adjusted: float | None = None
    verdict: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """Metric, media and run in words."""
        return f"{self.metric} ({self.media}) of {self.run}"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, the test's p and name beside the rest."""
        fields = asdict(self)
        test = fields.pop("significance") or {}
        return fields | {"p": test.get("p_value"), "test": test.get("test", "")}


def differ(label: str, a: Run, b: Run, media: str, metric: str) -> Difference:
    """Compare B with A. There is no verdict yet: it depends on how many comparisons are made (`judge`).

    Raises:
        TokenBenchError: a clip's value is infinite.
    """
    unit = next((run.metrics[metric].unit for run in (a, b) if metric in run.metrics), "")
    row = Difference(run=label, media=media, metric=metric, unit=unit)
    if not defined_alike(a, b, metric):
        return replace(row, reason=f"A and {label} define it differently")
    one, other = clip_values(a, media, metric), clip_values(b, media, metric)
    return _over_clips(row, a, b, one, other) if one or other else _over_sets(row, a, b)


def judge(rows: Sequence[Difference]) -> list[Difference]:
    """The rows with their adjusted p and verdict; they are one family of comparisons."""
    tested = [row.significance.p_value for row in rows if row.significance]
    adjusted = iter(holm(tested))
    return [_judged(row, row.significance, next(adjusted)) if row.significance else row for row in rows]


def clip_values(run: Run, media: str, metric: str) -> dict[str, float]:
    """The metric of every clip that has it.

    Raises:
        TokenBenchError: one of them is infinite.
    """
    values = {clip.clip: clip.scores.get(metric) for clip in run.clips if clip.media == media}
    known = {clip: value for clip, value in values.items() if value is not None}
    for clip, value in known.items():
        if not math.isfinite(value):
            raise TokenBenchError(
                f"{run.folder / 'clips.csv'}: {metric} of clip {clip!r} is {value}, which has no difference to another;"
                " compare other metrics with --metric"
            )
    return known


def set_values(run: Run, media: str) -> dict[str, Measure]:
    """The metrics that a set has as a whole: none of its clips has a value of its own."""
    of_clips = {name for clip in run.clips for name, value in clip.scores.items() if value is not None}
    metrics = run.media[media].metrics if media in run.media else {}
    return {name: each for name, each in metrics.items() if each.value is not None and name not in of_clips}


def clusters_of(runs: Sequence[Run]) -> dict[str, str]:
    """The cluster of every clip of the runs, which are over the same data set."""
    clusters: dict[str, str] = {}
    for clip in (clip for run in runs for clip in run.clips):
        # A run of before sources were recorded must not hide those of another.
        if clip.source or clip.clip not in clusters:
            clusters[clip.clip] = clip.cluster
    return clusters


def _over_clips(row: Difference, a: Run, b: Run, one: Mapping[str, float], other: Mapping[str, float]) -> Difference:
    clips = sorted(one.keys() & other.keys())
    row = replace(row, n=len(clips), only_a=len(one.keys() - other.keys()), only_b=len(other.keys() - one.keys()))
    if not clips:
        return replace(row, reason=_lack("A", one, row.run, other))
    clusters = clusters_of([a, b])
    result = paired(
        [one[clip] for clip in clips], [other[clip] for clip in clips], clusters=[clusters[clip] for clip in clips]
    )
    return replace(
        row,
        clusters=result.clusters,
        mean_a=result.mean_a,
        mean_b=result.mean_b,
        difference=result.difference,
        ci95=result.ci95,
        significance=result.significance,
    )


def _over_sets(row: Difference, a: Run, b: Run) -> Difference:
    one, other = (set_values(run, row.media).get(row.metric) for run in (a, b))
    if one is None or other is None or one.value is None or other.value is None:
        return replace(row, reason=_lack("A", one, row.run, other))
    row = replace(row, unit=one.unit)
    if one.n != other.n:
        reason = f"over {one.n} samples in A and {other.n} in {row.run}, and its value depends on their number"
        return replace(row, reason=reason)
    if _clips(a, row.media) != _clips(b, row.media):
        return replace(row, reason=f"A and {row.run} scored different clips, and a set has one value for all of them")
    if not (math.isfinite(one.value) and math.isfinite(other.value)):
        return replace(row, reason=f"it is {one.value} in A and {other.value} in {row.run}")
    return replace(row, n=one.n, mean_a=one.value, mean_b=other.value, difference=other.value - one.value)


def _lack(a: str, one: object, b: str, other: object) -> str:
    lacking = [label for label, found in ((a, one), (b, other)) if not found]
    return f"{' and '.join(lacking)} has no value" if lacking else "no clip has a value in both"


def _clips(run: Run, media: str) -> set[str]:
    return {clip.clip for clip in run.clips if media in (clip.media, "all")}


def _judged(row: Difference, significance: Significance, adjusted: float) -> Difference:
    higher_is_better = quantity(row.metric).higher_is_better
    if adjusted >= LEVEL:
        verdict = NO_DIFFERENCE
    elif significance.direction == 0:
        verdict = MIXED
    elif higher_is_better is None:
        verdict = "higher" if significance.direction > 0 else "lower"
    else:
        verdict = "better" if (significance.direction > 0) == higher_is_better else "worse"
    return replace(row, adjusted=adjusted, verdict=verdict)
