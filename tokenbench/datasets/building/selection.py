"""Which clips of a data set are built: those of a list, a seeded draw, or all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tokenbench.datasets.building.draw import ranked
from tokenbench.datasets.official_list import OfficialList
from tokenbench.datasets.sources.found import Found
from tokenbench.datasets.sources.source import Match, Scene, Source
from tokenbench.errors import Problems, TokenBenchError


@dataclass(frozen=True, kw_only=True)
class SetRules:
    """How a protocol chooses clips of one data set.

    Args:
        choose: "list": the entries of the benchmark's list; "random": a seeded draw; "all": every clip.
        scenes: that a draw takes; a scene is one clip, or a group that belongs together, as the source says.
        reserves: drawn in advance, to stand in for scenes that are broken, screened out or dropped.
        flawless: pass over clips of which their publisher says that they have a flaw.
        screening: limits of scores (`tokenbench.datasets.screening`); empty for no screening.
    """

    choose: Literal["list", "random", "all"] = "all"
    scenes: int = 0
    reserves: int = 0
    flawless: bool = False
    screening: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is to be built of a data set.

    Args:
        chosen: "list", "random" or "all".
        wanted: number of scenes.
        scenes: in order of preference; those behind the first `wanted` are reserves.
        missing: entries of the list without a file.
        passed_over: clip -> why it was left out beforehand.
    """

    chosen: str
    wanted: int
    scenes: tuple[Scene, ...]
    missing: tuple[str, ...] = ()
    passed_over: Mapping[str, str]


def select(
    source: Source,
    found: Found,
    rules: SetRules,
    *,
    official: OfficialList | None,
    seed: int,
    dropped: Mapping[str, str],
) -> Selection:
    """Choose.

    Args:
        source: the data set.
        found: what of it is on disk.
        rules: of the protocol. A list that is given takes the place of a draw.
        official: the benchmark's list.
        seed: of a draw.
        dropped: clip -> why a reviewer does not want it.

    Raises:
        TokenBenchError: a list is needed and none is given, or an entry of it fits several files.
    """
    if source.match is not None and rules.choose != "all" and (official is not None or rules.choose == "list"):
        selection = _listed(source, found, official)
    elif rules.choose == "random":
        scenes = [scene for scene in source.scenes(found) if not (rules.flawless and _flaws(scene, found.flaws))]
        order = ranked(scenes, seed=seed, name=source.name)
        # What a reviewer drops leaves before the cut, so that there are as many reserves as before.
        order = [scene for scene in order if not _flaws(scene, dropped)][: rules.scenes + rules.reserves]
        return Selection(chosen="random", wanted=rules.scenes, scenes=tuple(order), passed_over=dict(dropped))
    else:
        scenes = [(clip,) for clip in found.clips]
        selection = Selection(chosen="all", wanted=len(scenes), scenes=tuple(scenes), passed_over={})
    kept = tuple(scene for scene in selection.scenes if not _flaws(scene, dropped))
    ids = {clip.id for scene in selection.scenes for clip in scene}
    return Selection(
        chosen=selection.chosen,
        wanted=selection.wanted - (len(selection.scenes) - len(kept)),
        scenes=kept,
        missing=selection.missing,
        passed_over={id_: why for id_, why in dropped.items() if id_ in ids},
    )


def _listed(source: Source, found: Found, official: OfficialList | None) -> Selection:
    if official is None:
        raise TokenBenchError(
            f"{source.name}: this protocol takes the clips of the benchmark's list; fetch it from its authors' "
            "repository (NVIDIA/TokenBench) and give it with --official-list PATH"
        )
    assert source.match is not None
    matches = source.match(found, official.sections[source.section])
    if ambiguous := [match for match in matches if len(match.clips) > 1]:
        raise Problems([_ambiguity(source, match) for match in ambiguous])
    return Selection(
        chosen="list",
        wanted=len(matches),
        scenes=tuple(match.clips for match in matches if match.clips),
        missing=tuple(match.entry for match in matches if not match.clips),
        passed_over={},
    )


def _ambiguity(source: Source, match: Match) -> str:
    hits = ", ".join(str(clip.content) for clip in match.clips)
    return f"{source.name}: {match.entry} fits several files: {hits}; give a folder that holds one of them"


def _flaws(scene: Scene, flaws: Mapping[str, str]) -> bool:
    return any(clip.id in flaws for clip in scene)
