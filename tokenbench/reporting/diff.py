"""What tells runs over the same clips apart: every later one against the first, and ranks that know ties."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.files import write_text
from tokenbench.reporting.comparable import check_comparable
from tokenbench.reporting.differences import Difference, clip_values, clusters_of, differ, judge, set_values
from tokenbench.reporting.formats import RATE, quality_names, quantity
from tokenbench.reporting.runs import Run
from tokenbench.statistics import Duel, duels, holm, ranks

SCHEMA = "tokenbench.diff/1"

_MEDIA_ORDER = ("video", "image", "all")


@dataclass(frozen=True)
class Overlap:
    """How many clips of one kind of media were scored by the first run, A, and by a later one, B."""

    run: str
    media: str
    both: int
    only_a: int
    only_b: int


@dataclass(frozen=True)
class Ranking:
    """The ranks on one metric of the runs that have it, by label; runs that do not differ significantly can share one.

    Source:
        `tokenbench.statistics.ranks`.
    """

    media: str
    metric: str
    ranks: Mapping[str, int]


@dataclass(frozen=True)
class Diff:
    """Several runs told apart.

    Args:
        runs: by label; "A" is the one that the others are compared with.
        overlaps: of each later run and kind of media.
        rows: of each later run, kind of media and metric.
        rankings: of each kind of media and metric that is measured clip by clip and has a better side.
    """

    runs: Mapping[str, Run]
    overlaps: tuple[Overlap, ...]
    rows: tuple[Difference, ...]
    rankings: tuple[Ranking, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything in plain JSON."""
        dataset = next(iter(self.runs.values())).dataset
        return {
            "schema": SCHEMA,
            "dataset": {
                "name": dataset.name,
                "protocol": dataset.protocol,
                "manifest_sha256": dataset.manifest_sha256,
            },
            "runs": {
                label: {"tokenizer": run.tokenizer.name, "folder": str(run.folder)} for label, run in self.runs.items()
            },
            "overlaps": [asdict(overlap) for overlap in self.overlaps],
            "differences": [row.as_dict() for row in self.rows],
            "rankings": [asdict(ranking) for ranking in self.rankings],
        }


def diff_runs(runs: Sequence[Run], metrics: Sequence[str] = ()) -> Diff:
    """Compare every later run with the first, and rank all of them.

    p-values of the comparisons with the first run are corrected for all of these; those of the ranks for all pairs of
    runs, metrics and kinds of media. With two runs that is the same.

    Args:
        runs: two or more, of one protocol and data set.
        metrics: only these; none means all that some run has.

    Raises:
        TokenBenchError: fewer than two runs, such as cannot be compared, or a metric that no run has.
    """
    if len(runs) < 2:
        raise TokenBenchError("nothing to compare with: give two runs or more")
    check_comparable(runs)
    labels = dict(zip(_labels(), runs, strict=False))
    boards = _boards(runs, metrics)
    first, *later = labels.items()
    rows = [differ(label, first[1], run, *board) for label, run in later for board in boards]
    kinds = _in_order({clip.media for run in runs for clip in run.clips})
    overlaps = [_overlap(label, first[1], run, media) for label, run in later for media in kinds]
    return Diff(labels, tuple(overlaps), tuple(judge(rows)), tuple(_rankings(labels, boards)))


def write_diff(path: Path, diff: Diff) -> None:
    """Write the comparison as JSON, whole or not at all."""
    write_text(path, json.dumps(diff.as_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _labels() -> list[str]:
    """A to Z, then AA to ZZ."""
    return [*ascii_uppercase, *map("".join, product(ascii_uppercase, repeat=2))]


def _boards(runs: Sequence[Run], wanted: Sequence[str]) -> list[tuple[str, str]]:
    """The kinds of media and metrics that some run has a value for."""
    found = {(media, name) for run in runs for media in run.media for name in set_values(run, media)}
    for clip in (clip for run in runs for clip in run.clips):
        found |= {(clip.media, name) for name, value in clip.scores.items() if value is not None}
    names = {name for _, name in found}
    for name in wanted:
        if name not in names:
            raise TokenBenchError(f"no run has the metric {name!r}: they have {', '.join(sorted(names))}")
    order = [name for name in (*quality_names(names), RATE) if not wanted or name in wanted]
    return [board for board in product(_in_order({media for media, _ in found}), order) if board in found]


def _in_order(media: set[str]) -> list[str]:
    return [kind for kind in _MEDIA_ORDER if kind in media] + sorted(media - set(_MEDIA_ORDER))


def _overlap(label: str, a: Run, b: Run, media: str) -> Overlap:
    one, other = ({clip.clip for clip in run.clips if clip.media == media} for run in (a, b))
    return Overlap(label, media, len(one & other), len(one - other), len(other - one))


def _rankings(runs: Mapping[str, Run], boards: Sequence[tuple[str, str]]) -> list[Ranking]:
    clusters = clusters_of(list(runs.values()))
    contests: list[tuple[str, str, list[str], list[Duel]]] = []
    for media, metric in boards:
        values = {label: clip_values(run, media, metric) for label, run in runs.items()}
        present = [label for label in runs if values[label]]
        contests.append((media, metric, present, duels([values[label] for label in present], clusters)))
    adjusted = iter(holm([duel.significance.p_value for *_, fought in contests for duel in fought]))
    rankings = []
    for media, metric, present, fought in contests:
        p_values = [next(adjusted) for _ in fought]
        higher_is_better = quantity(metric).higher_is_better
        if present and higher_is_better is not None:
            places = ranks(len(present), fought, p_values, higher_is_better=higher_is_better)
            rankings.append(Ranking(media, metric, dict(zip(present, places, strict=True))))
    return rankings
