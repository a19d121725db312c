"""Every row of a leaderboard against every other of its storage, clip by clip, and whether differences can be chance.

The reader chooses the row that the others are compared with. p-values are corrected, by Holm, for all comparisons with
that row in its table.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenbench.reporting.formats import quantity
from tokenbench.reporting.leaderboard import Group, Row, Table
from tokenbench.statistics import LEVEL, Pair, all_pairs, holm

BETTER, WORSE, SAME = "better", "worse", "no difference"

# By slug of the group and kind of media.
Comparisons = Mapping[tuple[str, str], Sequence["Comparison"]]


@dataclass(frozen=True)
class Comparison:
    """One metric of a row against another row's, the baseline.

    Args:
        baseline: position of a row in its table.
        row: position of another of the same storage.
        metric: its name.
        n: clips that both have a value for.
        difference: the mean of row - baseline.
        low: end of the difference's 95 % interval.
        high: its other end.
        p: as tested.
        adjusted: corrected for all comparisons with the baseline in this table.
        verdict: "better", "worse", or "no difference" that would be significant.
    """

    baseline: int
    row: int
    metric: str
    n: int
    difference: float
    low: float
    high: float
    p: float
    adjusted: float = 1.0
    verdict: str = SAME


def compare_all(groups: Sequence[Group]) -> dict[tuple[str, str], list[Comparison]]:
    """The comparisons within each table, of all rows that have the scores of their clips."""
    return {(group.slug, table.media): _of_table(group, table) for group in groups for table in group.tables}


def _of_table(group: Group, table: Table) -> list[Comparison]:
    clusters = _clusters(group)
    both_ways = [
        each
        for storage in dict.fromkeys(row.run.storage for row in table.rows)
        for metric in table.qualities
        for pair, places in _pairs(table, storage, metric, clusters)
        for each in _both_ways(pair, places, metric)
    ]
    families: dict[int, list[Comparison]] = {}
    for each in both_ways:
        families.setdefault(each.baseline, []).append(each)
    return [
        _judged(each, adjusted)
        for family in families.values()
        for each, adjusted in zip(family, holm([each.p for each in family]), strict=True)
    ]


def _pairs(
    table: Table, storage: str, metric: str, clusters: Mapping[str, str]
) -> Iterator[tuple[Pair, tuple[int, int]]]:
    """Each pair with the positions of its rows; none for a metric without a better side, or of sets."""
    if quantity(metric).higher_is_better is None:
        return
    values = {
        place: _values(row, table.media, metric) for place, row in enumerate(table.rows) if row.run.storage == storage
    }
    places = [place for place, known in values.items() if known]
    for pair in all_pairs([values[place] for place in places], clusters):
        yield pair, (places[pair.one], places[pair.other])


def _values(row: Row, media: str, metric: str) -> dict[str, float]:
    """The row's finite values by clip; none where some clip stands there twice."""
    clips = [clip for clip in row.run.clips if media in (clip.media, "all")]
    if any(count > 1 for count in Counter(clip.clip for clip in clips).values()):
        return {}
    known = {clip.clip: clip.scores.get(metric) for clip in clips}
    return {clip: value for clip, value in known.items() if value is not None and math.isfinite(value)}


def _clusters(group: Group) -> dict[str, str]:
    clusters: dict[str, str] = {}
    for clip in (clip for entry in group.entries for clip in entry.run.clips):
        # A run of before sources were recorded must not hide those of another.
        if clip.source or clip.clip not in clusters:
            clusters[clip.clip] = clip.cluster
    return clusters


def _both_ways(pair: Pair, places: tuple[int, int], metric: str) -> Iterator[Comparison]:
    """The pair as seen from either row; the verdict so far is the test's direction."""
    one, other = places
    low, high = pair.ci95
    p, direction = pair.significance.p_value, pair.significance.direction
    for baseline, row, sign in ((one, other, 1), (other, one, -1)):
        # Of a difference of nothing, the other way round is not less than nothing: -0 would be shown as such.
        difference, least, most = (sign * value + 0.0 for value in (pair.difference, *((low, high)[::sign])))
        improved = (sign * direction > 0) == quantity(metric).higher_is_better
        verdict = SAME if direction == 0 else BETTER if improved else WORSE
        yield Comparison(baseline, row, metric, pair.n, difference, least, most, p, verdict=verdict)


def _judged(each: Comparison, adjusted: float) -> Comparison:
    return replace(each, adjusted=adjusted, verdict=each.verdict if adjusted < LEVEL else SAME)
