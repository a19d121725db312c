"""A seeded random order that depends on names alone: not on the file system, nor on what else is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tokenbench.datasets.sources.source import Scene


def ranked(scenes: Iterable[Scene], *, seed: int, name: str) -> list[Scene]:
    """Scenes in the order of the SHA-256 of seed, data set and clips.

    A uniform permutation for every seed. The first n are a draw of n without replacement and the next ones its
    reserves; a scene that is missing on one machine changes nothing in the order of the others.

    Args:
        scenes: in any order.
        seed: of the draw.
        name: of the data set, so that sets of equal names are not drawn alike.
    """

    def rank(scene: Scene) -> tuple[bytes, str]:
        ids = "\n".join(clip.id for clip in scene)
        return hashlib.sha256(f"{seed}\n{name}\n{ids}".encode()).digest(), ids

    return sorted(scenes, key=rank)
