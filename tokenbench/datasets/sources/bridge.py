"""BridgeData V2: trajectories of a robot's arm, seen by a fixed camera, from the raw archives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenbench.datasets.sources.found import Found, refuse_missing
from tokenbench.datasets.sources.source import Source
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

# The rate of control; no file holds it.
FPS = 5.0

# 50,365 demonstrated and 9,731 scripted trajectories.
EXPECTED = 60_096

# The camera over the shoulder; the others move from trajectory to trajectory, or with the wrist.
CAMERA = "images0"


def find(root: Path) -> Found:
    """The trajectories under a folder, by their path in it.

    Args:
        root: any folder of the demonstrated or the scripted archive, down to a single trajectory's.

    Raises:
        TokenBenchError: the folder holds no trajectories. Another form of the data set, with other pixels, is named.
    """
    refuse_missing(root)
    folders = sorted(_trajectories(root))
    if not folders:
        raise TokenBenchError(f"{root}: {_what_it_is(root)}; give the raw folder, with traj<K>/{CAMERA}/im_0.jpg")
    clips = tuple(
        Clip(id=folder.relative_to(root).as_posix(), domain="bridge", path=folder / CAMERA, kind="video", fps=FPS)
        for folder in folders
    )
    return Found(name="bridge-v2", clips=clips, expected=EXPECTED)


def _trajectories(root: Path) -> Iterator[Path]:
    for parent, folders, _ in walk(root):
        if CAMERA in folders:
            yield parent
            folders.clear()


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
)
