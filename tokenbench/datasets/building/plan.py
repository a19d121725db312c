"""What a build is to make of one raw data set, known before any work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenbench.datasets.building.protocol import BuildProtocol
from tokenbench.datasets.building.selection import Selection, select
from tokenbench.datasets.official_list import OfficialList
from tokenbench.datasets.review.decisions import Decisions
from tokenbench.datasets.sources import SOURCES, Found, Source
from tokenbench.errors import TokenBenchError

_MOST_REMARKS = 10


@dataclass(frozen=True, kw_only=True)
class SetPlan:
    """Of one data set.

    Args:
        name: of its folder and manifest in the build.
        source: the raw data set.
        root: its folder.
        found: what lies there.
        selection: what is built of it.
        official: the list that it was chosen by; None without.
    """

    name: str
    source: Source
    root: Path
    found: Found
    selection: Selection
    official: OfficialList | None

    @property
    def wanted_clips(self) -> int:
        """Clips that there are when nothing is missing; scenes of a source have one size."""
        size = len(self.selection.scenes[0]) if self.selection.scenes else 1
        return self.selection.wanted * size

    def remarks(self) -> list[str]:
        """What a user must know of the choice before the work, a line each."""
        selection, skipped = self.selection, self.found.skipped
        lines = [f"{self.name}: {line}" for line in skipped[:_MOST_REMARKS]]
        if len(skipped) > _MOST_REMARKS:
            lines.append(f"{self.name}: and {len(skipped) - _MOST_REMARKS} more that are no clips")
        if selection.missing:
            there = selection.wanted - len(selection.missing)
            lines.append(f"{self.name}: {there} of {selection.wanted} clips of the list are there")
        elif len(selection.scenes) < selection.wanted:
            lines.append(
                f"{self.name}: a draw of {selection.wanted} is wanted, and only {len(selection.scenes)} are there"
            )
        return lines


def parse_set(text: str) -> tuple[Source, Path]:
    """A raw data set as commands name it: "bdd100k:FOLDER".

    Raises:
        TokenBenchError: it is not of that form, or there is no such data set.
    """
    name, colon, folder = text.partition(":")
    if not colon or name not in SOURCES or not folder:
        raise TokenBenchError(f"{text!r} is not SET:FOLDER; sets are {', '.join(SOURCES)}")
    return SOURCES[name], Path(folder).expanduser()


def plan_set(
    source: Source, root: Path, protocol: BuildProtocol, official: OfficialList | None, decisions: Decisions
) -> SetPlan:
    """Find a data set's clips and choose among them.

    Args:
        source: the data set.
        root: its folder.
        protocol: of the build.
        official: the benchmark's list, where one is given.
        decisions: of a reviewer.

    Raises:
        TokenBenchError: the folder does not hold the data set, or a choice cannot be made.
    """
    found = source.find(root)
    name = source.name if source.name != "folder" else re.sub(r"[^A-Za-z0-9_-]+", "-", root.resolve().name) or "folder"
    selection = select(
        source,
        found,
        protocol.rules(source.name),
        official=official,
        seed=protocol.seed,
        dropped=decisions.dropped(name),
    )
    by_list = official if selection.chosen == "list" else None
    return SetPlan(name=name, source=source, root=root, found=found, selection=selection, official=by_list)


def refuse_equal_names(plans: Sequence[SetPlan]) -> None:
    """Two sets that would be written to the same folder.

    Raises:
        TokenBenchError: names them.
    """
    taken: dict[str, SetPlan] = {}
    for plan in plans:
        other = taken.setdefault(plan.name, plan)
        if other is not plan:
            raise TokenBenchError(
                f"{other.root} and {plan.root} would both be built as {plan.name!r}; build one elsewhere"
            )
