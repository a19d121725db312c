"""Ego-Exo4D: skilled activities, seen by the doer's glasses and by several cameras around."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tokenbench.datasets.sources.found import Found, refuse_missing
from tokenbench.datasets.sources.source import Match, Scene, Source
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

EGO, EXO = "egoexo4d-ego", "egoexo4d-exo"

# Where the synchronised videos of a take lie, and their reduced copies of the same names.
_VIDEOS, _REDUCED = "frame_aligned_videos", "downscaled"

# The stream of the glasses' colour camera; 1201 are grey ones at the sides, 211 looks at the eyes.
_RGB = "_214-1"
_EGO_NAME = re.compile(rf"aria\d+{_RGB}", re.ASCII)
_EXO_NAME = re.compile(r"(?:cam|gp)\d+", re.ASCII)


def find(root: Path) -> Found:
    """The colour videos of every take: of the glasses, and of all cameras around; by take, glasses first.

    Which camera is whose, `takes.json` says; a camera that it does not name is told by its own name (aria01, cam01,
    gp01).

    Args:
        root: of a download, with `takes` and `takes.json` in it; `takes` itself, or a single take; or a folder of
            copies named `<take>__<camera>.mp4`.

    Raises:
        TokenBenchError: the folder holds no such videos, one of them twice or under an unprintable name, or a
            `takes.json` that is damaged.
    """
    refuse_missing(root)
    cameras = _cameras(root)
    found: dict[tuple[str, str], Clip] = {}
    seen: set[str] = set()
    for parent, folders, names in walk(root):
        seen.update(folders, (Path(name).suffix.lower() for name in names))
        if _REDUCED in folders:
            folders.remove(_REDUCED)
        for name in names:
            take, camera = _take_and_camera(parent, Path(name))
            domain = _domain(camera, cameras.get(take, {}))
            if domain and Path(name).suffix.lower() == ".mp4":
                clip = Clip(id=f"{take}/{camera}", domain=domain, path=parent / name, kind="video", source=take)
                other = found.setdefault((take, camera), clip)
                if other is not clip:
                    raise TokenBenchError(f"{root}: {other.path} and {clip.path} are the same video; remove one")
                if not clip.id.isprintable():
                    raise TokenBenchError(f"{root}: {clip.id!a} is no name of a take and a camera; rename it")
    if not found:
        raise TokenBenchError(f"{root}: {_what_it_is(root, seen)}")
    clips = tuple(sorted(found.values(), key=lambda clip: (clip.source, clip.domain, _natural(clip.id))))
    return Found(name="egoexo4d", clips=clips, expected=0, skipped=tuple(_lonely(clips)))


def match(found: Found, entries: Sequence[str]) -> list[Match]:
    """Entries such as "cmu_bike01_2/frame_aligned_videos/cam01.mp4"."""
    clips = {f"{clip.source}/{_VIDEOS}/{clip.id.removeprefix(clip.source + '/')}.mp4": clip for clip in found.clips}
    return [Match(entry, (clips[entry],) if entry in clips else ()) for entry in entries]


def scenes(found: Found) -> list[Scene]:
    """Of every take that has both: the glasses, and the first of the cameras around, cam02 before cam10."""
    takes = _by_take(found.clips).values()
    return [(views[EGO][0], views[EXO][0]) for views in takes if views.keys() == {EGO, EXO}]


def _by_take(clips: Sequence[Clip]) -> dict[str, dict[str, list[Clip]]]:
    """Take -> domain -> clips, all in their order."""
    return {
        take: {domain: list(view) for domain, view in groupby(group, lambda clip: clip.domain)}
        for take, group in groupby(clips, lambda clip: clip.source)
    }


def _lonely(clips: Sequence[Clip]) -> list[str]:
    """The takes that make no scene, a line each."""
    lacking = {EGO: "no video of the glasses", EXO: "no video of a camera around"}
    return [
        f"{take}: {lacking[domain]}"
        for take, views in _by_take(clips).items()
        for domain in (EGO, EXO)
        if domain not in views
    ]


def _take_and_camera(parent: Path, name: Path) -> tuple[str, str]:
    """Of a video where it lies, or of a flat copy; empty ones of any other file."""
    place = parent.absolute()
    if place.name == _VIDEOS:
        return place.parent.name, name.stem
    take, mark, camera = name.stem.rpartition("__")
    return (take, camera) if mark else ("", "")


def _domain(camera: str, is_ego: Mapping[str, bool]) -> str:
    """What a video shows; empty for grey cameras, previews and other files."""
    worn = is_ego.get(camera.removesuffix(_RGB))
    if worn is None:
        return EGO if _EGO_NAME.fullmatch(camera) else EXO if _EXO_NAME.fullmatch(camera) else ""
    return EGO if worn else EXO


def _natural(name: str) -> list[str | int]:
    """A key that sorts numbers in names by their value."""
    parts = re.split(r"(\d+)", name, flags=re.ASCII)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _cameras(root: Path) -> dict[str, dict[str, bool]]:
    """Take -> camera -> whether it is worn by the doer; empty where there is no `takes.json`."""
    place = root.absolute()
    path = (place.parent if place.name == "takes" else place) / "takes.json"
    if not path.is_file():
        return {}
    try:
        takes: list[dict[str, Any]] = json.loads(path.read_bytes())
        return {str(take["take_name"]): _worn(take.get("capture") or {}) for take in takes}
    except OSError as error:
        raise TokenBenchError(f"{path}: {error.strerror}; make the file readable") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TokenBenchError(
            f"{path}: damaged, or not the takes.json of Ego-Exo4D ({error}); fetch it again with "
            "'egoexo --parts metadata'"
        ) from error


def _worn(capture: dict[str, Any]) -> dict[str, bool]:
    return {str(camera["cam_id"]): bool(camera["is_ego"]) for camera in capture.get("cameras") or ()}


def _what_it_is(root: Path, seen: set[str]) -> str:
    fetch = "fetch the videos with 'egoexo -o DIR --parts takes --views ego exo'"
    if _REDUCED in seen or _REDUCED in root.absolute().parts:
        return f"holds takes in their reduced size alone (downscaled); {fetch}"
    if ".vrs" in seen:
        return f"holds recordings of the glasses (.vrs) and no videos; {fetch}"
    if _VIDEOS in seen or root.absolute().name == _VIDEOS:
        return f"holds takes without a video of the glasses (aria01{_RGB}.mp4) or a camera around (cam01.mp4); {fetch}"
    if (root / "takes.json").is_file():
        return f"holds the metadata of Ego-Exo4D and no takes; {fetch}"
    if "captures" in seen:
        return f"holds captures of Ego-Exo4D and no takes; {fetch}"
    return (
        "looks like no Ego-Exo4D: there is no file such as takes/<take>/frame_aligned_videos/cam01.mp4; give the "
        "folder that the download wrote, or its takes"
    )


SOURCE = Source(
    name="egoexo4d",
    title="Ego-Exo4D: skilled activities, seen by the doer's glasses and by several cameras around",
    home="https://ego-exo4d-data.org, after signing its licence",
    license="own licence of the Ego4D consortium (research and commercial use, no redistribution)",
    find=find,
    section="EgoExo-4D",
    match=match,
    scenes=scenes,
)
