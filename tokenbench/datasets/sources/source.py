"""The contract of a raw data set: how its clips are found, grouped, and matched with the benchmark's own list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenbench.datasets.sources.found import Found
from tokenbench.media.clip import Clip

Scene = tuple[Clip, ...]


def each_alone(found: Found) -> list[Scene]:
    """Every clip as a scene of its own."""
    return [(clip,) for clip in found.clips]


@dataclass(frozen=True)
class Match:
    """What an entry of the benchmark's list leads to.

    Args:
        entry: as a user would look for it: a path, or a video with its times and address.
        clips: that fit it; none where it is missing, several where it is ambiguous.
    """

    entry: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A raw data set.

    Args:
        name: as commands take it, "bdd100k".
        title: what it is, in one line.
        home: where a user gets it, an address or a sentence.
        license: as its publisher states it, short.
        find: its clips under a folder; raises TokenBenchError where the folder does not hold the data set.
        section: title of its section in the benchmark's list, "BDD100K"; empty where the list has none.
        match: entries of that section, as they stand in the list (rows of a table without its header), and the clips
            that were found, as one match an entry, in order.
        scenes: what a draw draws: groups of clips that belong together, in an order that depends on names alone.
    """

    name: str
    title: str
    home: str
    license: str
    find: Callable[[Path], Found]
    section: str = ""
    match: Callable[[Found, Sequence[str]], list[Match]] | None = None
    scenes: Callable[[Found], list[Scene]] = each_alone
