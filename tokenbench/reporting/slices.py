"""Scores by what clips are like: a data set's clips in thirds of motion, texture, brightness and resolution.

The cuts are made over all clips of a group, so that they are the same for each of its runs. A trait is the clip's own,
not the run's: a run that did not record it is broken down by what another run recorded of the same clip.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.formats import significant
from tokenbench.reporting.leaderboard import Entry, Group
from tokenbench.reporting.runs import Measure
from tokenbench.statistics import summarise

_NAMES = ("low", "middle", "high")

# A report has hundreds of these intervals; their ends move by a twentieth of their width from one seed to the next.
_RESAMPLES = 1000


@dataclass(frozen=True)
class Trait:
    """Something that clips can be told apart by.

    Args:
        name: in a word, for files.
        title: with the unit.
        meaning: in a few words.
        of: a clip's value; None where it is not recorded, or the clip has none.
    """

    name: str
    title: str
    meaning: str
    of: Callable[[ClipScores], float | None]


@dataclass(frozen=True)
class Slice:
    """Clips that are alike.

    Args:
        name: low, middle or high.
        low, high: least and greatest value of the trait among them.
        clips: their names.
    """

    name: str
    low: float
    high: float
    clips: frozenset[str]

    @property
    def extent(self) -> str:
        """The values, in short."""
        ends = dict.fromkeys((significant(self.low), significant(self.high)))
        return " to ".join(ends)


@dataclass(frozen=True)
class Breakdown:
    """One kind of media by one trait.

    Args:
        media: kind of the clips.
        trait: that they are told apart by.
        slices: from low to high, none of them empty; none at all where there is nothing to tell apart.
        missing: why there are none, or how many clips are in none.
        scores: by title of the row and metric, one for each slice; rows in the order of their table.
    """

    media: str
    trait: Trait
    slices: tuple[Slice, ...] = ()
    missing: str = ""
    scores: Mapping[str, Mapping[str, tuple[Measure, ...]]] = field(default_factory=dict)


# By slug of the group.
Breakdowns = Mapping[str, Sequence[Breakdown]]


def break_down(group: Group) -> list[Breakdown]:
    """Every trait of every kind of media; those of which no clip has a value are passed over."""
    return [
        _broken_down(group, media, metrics, entries, trait)
        for media, metrics, entries in (
            (table.media, table.qualities, [row.entry for row in table.rows]) for table in group.tables
        )
        for trait in TRAITS
        if _values(group, media, trait)
    ]


def cut(values: Mapping[str, float]) -> tuple[Slice, ...]:
    """Clips in thirds by their values; clips of one value stay together, in the third that their middle one is in.

    Args:
        values: by clip.

    Returns:
        The thirds that are not empty, from low to high.
    """
    ordered = sorted(values.values())
    thirds: list[dict[str, float]] = [{}, {}, {}]
    for clip, value in values.items():
        # Twice the place of the middle one: whole numbers have no borderline cases.
        place = bisect_left(ordered, value) + bisect_right(ordered, value)
        thirds[3 * place // (2 * len(ordered))][clip] = value
    return tuple(
        Slice(name, min(third.values()), max(third.values()), frozenset(third))
        for name, third in zip(_NAMES, thirds, strict=True)
        if third
    )


def _broken_down(group: Group, media: str, metrics: Sequence[str], entries: Iterable[Entry], trait: Trait) -> Breakdown:
    values = _values(group, media, trait)
    slices = cut(values)
    if len(slices) < 2:
        return Breakdown(media, trait, missing=f"the clips are alike ({slices[0].extent}), so that nothing is cut")
    clips = {clip.clip for clip in _clips(group, media)}
    lacking = f"{len(clips) - len(values)} of {len(clips)} clips are in no slice" if len(values) < len(clips) else ""
    scores = {
        entry.title: {
            metric: tuple(_measure(entry, metric, chosen.clips) for chosen in slices)
            for metric in metrics
            if any(clip.scores.get(metric) is not None for clip in _of(entry, media))
        }
        for entry in entries
    }
    return Breakdown(media, trait, slices, lacking, scores)


def _measure(entry: Entry, metric: str, clips: frozenset[str]) -> Measure:
    """A run's mean over the clips of a slice that it has a value for."""
    scored = [clip for clip in entry.run.clips if clip.clip in clips and clip.scores.get(metric) is not None]
    values = [value for clip in scored if (value := clip.scores[metric]) is not None]
    if not all(map(math.isfinite, values)):
        return Measure(math.fsum(values) / len(values), n=len(values))
    summary = summarise(values, "", clusters=[clip.cluster for clip in scored], resamples=_RESAMPLES)
    low, high = summary.ci95 if summary.n > 1 else (None, None)
    return Measure(summary.value, low, high, summary.n)


def _values(group: Group, media: str, trait: Trait) -> dict[str, float]:
    """By clip, from the first run that recorded it."""
    values: dict[str, float] = {}
    for clip in _clips(group, media):
        if (value := trait.of(clip)) is not None:
            values.setdefault(clip.clip, value)
    return values


def _clips(group: Group, media: str) -> Iterable[ClipScores]:
    return (clip for entry in group.entries for clip in _of(entry, media))


def _of(entry: Entry, media: str) -> Iterable[ClipScores]:
    return (clip for clip in entry.run.clips if media in (clip.media, "all"))


def _pixels(clip: ClipScores) -> float | None:
    return clip.height * clip.width if clip.height and clip.width else None


TRAITS = (
    Trait("motion", "Motion (TI)", "temporal information", lambda clip: clip.traits.get("ti")),
    Trait("texture", "Texture (SI)", "spatial information", lambda clip: clip.traits.get("si")),
    Trait("brightness", "Brightness (mean luma)", "low is dark", lambda clip: clip.traits.get("luma")),
    Trait("resolution", "Resolution (pixels a frame)", "height by width", _pixels),
)
