"""BridgeData V2: trajectories of a robot's arm, seen by a fixed camera, from the raw archives."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from tokenbench.datasets.sources.found import Found, refuse_missing
from tokenbench.datasets.sources.source import Match, Source
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

# The rate of control; no file holds it.
FPS = 5.0

# 50,365 demonstrated and 9,731 scripted trajectories.
EXPECTED = 60_096

# The camera over the shoulder; the others move from trajectory to trajectory, or with the wrist.
CAMERA = "images0"

# Below these folders of the two archives a trajectory has the same path wherever they lie.
_TOPS = ("bridge_data_v2", "scripted_raw")
_TRAJECTORY = re.compile(r"traj\d+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


def find(root: Path) -> Found:
    """The trajectories under a folder, by their path below `bridge_data_v2` or `scripted_raw`.

    Args:
        root: any folder of the demonstrated or the scripted archive, down to a single trajectory's. A trajectory may
            also lie there as a ready video: `<its path>/images0.mp4`, or that path joined by "__" or "_".

    Raises:
        TokenBenchError: the folder holds no trajectories, or one twice. Another form of the data set, with other
            pixels, is named.
    """
    refuse_missing(root)
    above = root.resolve().parts
    found: dict[str, Clip] = {}
    skipped: list[str] = []
    for parent, folders, names in walk(root):
        place = parent.relative_to(root).parts
        for path in _videos(parent, names):
            _add(found, root, _clip(_canonical(above, place) if path.stem == CAMERA else path.stem, path, fps=0.0))
        if CAMERA in folders:
            if _is_empty(parent / CAMERA):
                skipped.append(f"{_canonical(above, place)}: {CAMERA} is empty")
            else:
                _add(found, root, _clip(_canonical(above, place), parent / CAMERA, fps=FPS))
            folders.clear()
        elif _TRAJECTORY.fullmatch(parent.name) and not any(name.endswith(".mp4") for name in names):
            what = "lmdb" if "lmdb" in folders else f"no {CAMERA}"
            skipped.append(f"{_canonical(above, place)}: {what}")
            folders.clear()
    if not found:
        raise TokenBenchError(f"{root}: {_what_it_is(root)}; give the raw folder, with traj<K>/{CAMERA}/im_0.jpg")
    clips = tuple(found[id_] for id_ in sorted(found))
    return Found(name="bridge-v2", clips=clips, expected=EXPECTED, skipped=tuple(sorted(skipped)))


def match(found: Found, entries: Sequence[str]) -> list[Match]:
    """Entries such as "bridge_data_v2/<collection>/<task>/<NN>/<date>/raw/traj_group0/traj3/images0".

    A folder given at an inner level shows less of that path; what is left must still have the date, since "traj3" alone
    is the name of thousands.
    """
    clips: dict[str, Clip] = {clip.id: clip for clip in found.clips}
    return [Match(entry, tuple(clips[name] for name in _names(entry) if name in clips)) for entry in entries]


def _names(entry: str) -> list[str]:
    """Ids that a clip of an entry may have."""
    parts = PurePosixPath(entry).parts
    inner = parts[1:] if parts[0] in _TOPS else parts
    trajectory = inner[:-1] if inner[-1] == CAMERA else inner
    date = next((at for at, part in enumerate(trajectory) if _DATE.fullmatch(part)), 0)
    paths = ["/".join(trajectory[start:]) for start in range(date + 1)]
    flat = [joint.join(whole) for joint in ("__", "_") for whole in (parts, inner)]
    return [*paths, *flat]


def _canonical(above: Sequence[str], place: Sequence[str]) -> str:
    """A trajectory's path below the archive's top folder, or below the folder given where that shows no top."""
    whole = [*above, *place]
    tops = [at for at, part in enumerate(whole[:-1]) if part in _TOPS]
    return "/".join(whole[tops[-1] + 1 :] if tops else place) or whole[-1]


def _clip(id_: str, path: Path, fps: float) -> Clip:
    """The dated folder of a trajectory is the session that it was recorded in."""
    session = id_.partition("/raw/")[0] if "/raw/" in id_ else ""
    return Clip(id=id_, domain="bridge", path=path, kind="video", fps=fps, source=session)


def _add(found: dict[str, Clip], root: Path, clip: Clip) -> None:
    other = found.setdefault(clip.id, clip)
    if other is not clip:
        raise TokenBenchError(f"{root}: {other.path} and {clip.path} are the same trajectory; remove one of them")


def _videos(parent: Path, names: Sequence[str]) -> Iterator[Path]:
    """Ready videos: those of a camera's name, and those whose name is a whole path."""
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() == ".mp4" and (stem == CAMERA or ("traj" in stem and stem.endswith(f"_{CAMERA}"))):
            yield parent / name


def _is_empty(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def _what_it_is(root: Path) -> str:
    if next(root.rglob("out.npy"), None) is not None:
        return "looks like BridgeData V2 after its conversion to numpy, which has squashed its frames"
    if next(root.rglob("*.tfrecord*"), None) is not None:
        return "is a TFDS build of BridgeData, which has squashed its frames"
    return "looks like no BridgeData V2"


SOURCE = Source(
    name="bridge",
    title="BridgeData V2: trajectories of a robot's arm, seen by a fixed camera, from the raw archives",
    home="https://rail-berkeley.github.io/bridgedata",
    license="CC BY 4.0",
    find=find,
    section="BridgeData V2",
    match=match,
)
