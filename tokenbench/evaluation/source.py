"""The frames of one clip on their way to those who score them, and what is known of the clip once they have passed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.engine.contract import here
from tokenbench.media.broadcast import Reader, broadcast
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics.traits import ClipTraits

Chunk = NDArray[np.uint8]

# T x H x W x 3 each; to be closed by who reads them.
Chunks = Generator[Chunk, None, None] | Reader[Chunk]


class ClipSource:
    """Decodes a clip once, for one reader or for several.

    Args:
        clip: with its size known.
        frames: only the first so many; None takes all.
        stream: calls what decodes, elsewhere perhaps.
    """

    def __init__(self, clip: Clip, frames: int | None, stream: Callable[..., Iterable[Chunk]] = here) -> None:
        self._clip = clip
        self._frames = frames
        self._stream = stream
        self._traits = ClipTraits()

    def chunks(self) -> Chunks:
        """uint8 T x H x W x 3, decoded ahead in a thread; for one reader."""
        return prefetch(self._decoded())

    def shared(self, readers: int) -> list[Reader[Chunk]]:
        """The same for each of several readers, which read at the same time in threads of their own."""
        return broadcast(self._decoded(), readers)

    def traits(self) -> dict[str, Any]:
        """Of the clip (`tokenbench.metrics.traits`), once a reader has come to its end."""
        return self._traits.values()

    def _decoded(self) -> Iterator[Chunk]:
        chunks = self._stream(_decode, self._clip, self._frames)
        # Kernels are compiled for arrays that can be written to; those that another process has sent cannot.
        return self._traits.watch(np.require(chunk, requirements="W") for chunk in chunks)


def _decode(clip: Clip, frames: int | None) -> Iterator[Chunk]:
    return clip.chunks(chunk_frames(clip.height, clip.width), frames=frames)
