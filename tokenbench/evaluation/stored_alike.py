"""Both sides of a pair through the same storage, as tools do that write references and reconstructions to files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.evaluation.storage import open_storage
from tokenbench.media.clip import Clip

Frames = NDArray[np.uint8]


def stored_alike(pairs: Iterable[tuple[Any, Any]], storage: str, clip: Clip) -> Iterator[tuple[Any, Any]]:
    """References and reconstructions, each through a storage of its own.

    Args:
        pairs: T x H x W x 3 each, frame for frame; uint8 arrays where there is a storage.
        storage: one of `tokenbench.evaluation.storage.STORAGES`; "none" changes nothing.
        clip: with its size and rate known.

    Yields:
        As many frames, frame for frame.
    """
    if storage == "none":
        yield from pairs
        return
    left, right = (open_storage(storage, clip.height, clip.width, clip.fps) for _ in range(2))
    waiting = _Waiting()
    for reference, reconstruction in pairs:
        yield from waiting.add(left.push(reference), right.push(reconstruction))
    yield from waiting.add(left.flush(), right.flush())


class _Waiting:
    """Frames whose other side is not there yet: encoders look ahead by different numbers of frames."""

    def __init__(self) -> None:
        self._sides: list[list[Frames]] = [[], []]

    def add(self, *chunks: Frames) -> Iterator[tuple[Frames, Frames]]:
        for side, chunk in zip(self._sides, chunks, strict=True):
            side += [chunk] if len(chunk) else []
        left, right = self._sides
        while left and right:
            count = min(len(left[0]), len(right[0]))
            yield left[0][:count], right[0][:count]
            for side in (left, right):
                side[0] = side[0][count:]
                if not len(side[0]):
                    side.pop(0)
