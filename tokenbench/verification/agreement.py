"""Do a run's own files agree: are the means of result.json those of clips.csv?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tokenbench.metrics import METRICS
from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.runs import Measure, Metrics, Run

# Means are written with all their digits; only the order of summation may differ.
_ROUNDING = 1e-9


def disagreements(run: Run) -> list[str]:
    """Where the two files differ, a line each; none where they agree."""
    lines = _of_means("all clips", run.metrics, run.clips)
    for media, result in run.media.items():
        clips = [clip for clip in run.clips if media in (clip.media, "all")]
        if result.clips is not None and result.clips != len(clips):
            lines.append(f"{media}: result.json counts {result.clips} clips, clips.csv has {len(clips)}")
        lines += _of_means(media, result.metrics, clips)
    counted = (("clips", run.dataset.clips, len(run.clips)), ("frames", run.dataset.frames, _frames(run.clips)))
    lines += [
        f"all clips: result.json counts {said} {what}, clips.csv has {found}"
        for what, said, found in counted
        if said is not None and said != found
    ]
    return list(dict.fromkeys(lines))


def is_over_clips(metric: str) -> bool:
    """Whether each clip has a value of its own, which a column of clips.csv holds."""
    return metric in METRICS and METRICS[metric].over == "clip"


def _of_means(where: str, metrics: Metrics, clips: Sequence[ClipScores]) -> list[str]:
    lines = []
    for name, measure in metrics.items():
        values = [value for clip in clips if (value := clip.scores.get(name)) is not None]
        if is_over_clips(name) and not _is_mean(measure, values):
            said = f"{measure.value} over {measure.n} clips"
            found = f"{math.fsum(values) / len(values)} over {len(values)}" if values else "no value"
            lines.append(f"{where}: {name} is {said} in result.json, and {found} in clips.csv")
    return lines


def _is_mean(measure: Measure, values: Sequence[float]) -> bool:
    if measure.n is not None and measure.n != len(values):
        return False
    if measure.value is None or not values:
        return measure.value is None and not values
    return math.isclose(measure.value, math.fsum(values) / len(values), rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _frames(clips: Sequence[ClipScores]) -> int:
    return sum(clip.frames or 0 for clip in clips)
