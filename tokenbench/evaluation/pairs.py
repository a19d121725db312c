"""One clip on its way: reference chunks in, pairs of reference and reconstruction out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.evaluation.storage import Storage
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import Stream

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Compute:
    """Where a tokenizer runs and in which arithmetic."""

    device: torch.device
    dtype: torch.dtype


def reconstruct(
    chunks: Iterable[Frames], stream: Stream, storage: Storage, compute: Compute
) -> Iterator[tuple[Frames, Frames]]:
    """Push a clip through a tokenizer and a storage, both of which may lag behind.

    Args:
        chunks: uint8 T x H x W x 3.
        stream: of the tokenizer, for this clip alone.
        storage: for this clip alone.
        compute: device and dtype of the tokenizer's input.

    Yields:
        Reference and reconstruction, uint8 T x H x W x 3 each, frame for frame, T >= 1.

    Raises:
        ClipError: the tokenizer fails, gives values that are not finite, or another number of frames.
    """
    waiting = _Waiting()
    for chunk in chunks:
        waiting.put(chunk)
        finished = to_uint8(stream.push(to_float(chunk, compute.device, compute.dtype)))
        yield from waiting.pair(storage.push(finished))
    yield from waiting.pair(storage.push(to_uint8(stream.flush())))
    yield from waiting.pair(storage.flush())
    if waiting.frames:
        raise ClipError(f"the reconstruction ends {waiting.frames} frames early")


class _Waiting:
    """Reference frames whose reconstructions are not there yet, oldest first."""

    def __init__(self) -> None:
        self._chunks: list[Frames] = []
        self.frames = 0

    def put(self, chunk: Frames) -> None:
        self._chunks.append(chunk)
        self.frames += len(chunk)

    def pair(self, reconstruction: Frames) -> Iterator[tuple[Frames, Frames]]:
        """Pairs for all frames of a reconstruction, cut where the reference chunks are cut."""
        if len(reconstruction) > self.frames:
            raise ClipError(f"the reconstruction is {len(reconstruction) - self.frames} frames too long")
        while len(reconstruction):
            count = min(len(reconstruction), len(self._chunks[0]))
            yield self._chunks[0][:count], reconstruction[:count]
            reconstruction = reconstruction[count:]
            self._drop(count)

    def _drop(self, count: int) -> None:
        self.frames -= count
        rest = self._chunks[0][count:]
        self._chunks[:1] = [rest] if len(rest) else []
