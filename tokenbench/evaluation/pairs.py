"""One clip on its way: reference chunks in, pairs of reference and reconstruction out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.storage import Storage
from tokenbench.evaluation.streams import ClipStream
from tokenbench.evaluation.windows import Frames, Reconstructed


def reconstruct(
    chunks: Iterable[Frames], stream: ClipStream, storage: Storage
) -> Iterator[tuple[Reconstructed, Reconstructed]]:
    """Push a clip through a tokenizer and a storage, both of which may lag behind.

    Args:
        chunks: uint8 T x H x W x 3.
        stream: of the tokenizer, for this clip alone.
        storage: for this clip alone.

    Yields:
        Reference and reconstruction, T x H x W x 3 each, frame for frame, T >= 1. The reference is uint8, and lies
        where the reconstruction does: both are arrays, or both tensors on one device.

    Raises:
        ClipError: the tokenizer fails, gives values that are not finite, or another number of frames.
    """
    waiting = _Waiting()
    for chunk in chunks:
        waiting.put(chunk)
        yield from waiting.pair(storage.push(stream.push(chunk)))
    yield from waiting.pair(storage.push(stream.flush()))
    yield from waiting.pair(storage.flush())
    if waiting.frames:
        raise ClipError(f"the reconstruction ends {waiting.frames} frames early")


class _Waiting:
    """Reference frames whose reconstructions are not there yet, oldest first."""

    def __init__(self) -> None:
        self._chunks: list[Reconstructed] = []
        self.frames = 0

    def put(self, chunk: Frames) -> None:
        self._chunks.append(chunk)
        self.frames += len(chunk)

    def pair(self, reconstruction: Reconstructed) -> Iterator[tuple[Reconstructed, Reconstructed]]:
        """Pairs for all frames of a reconstruction, cut where the reference chunks are cut."""
        if len(reconstruction) > self.frames:
            raise ClipError(f"the reconstruction is {len(reconstruction) - self.frames} frames too long")
        while len(reconstruction):
            chunk = self._chunks[0] = _beside(reconstruction, self._chunks[0])
            count = min(len(reconstruction), len(chunk))
            yield chunk[:count], reconstruction[:count]
            reconstruction = reconstruction[count:]
            self._drop(count)

    def _drop(self, count: int) -> None:
        self.frames -= count
        rest = self._chunks[0][count:]
        self._chunks[:1] = [rest] if len(rest) else []


def _beside(reconstruction: Reconstructed, chunk: Reconstructed) -> Reconstructed:
    """The chunk where the reconstruction lies; one that is there already stays as it is."""
    if isinstance(reconstruction, np.ndarray) or isinstance(chunk, Tensor):
        return chunk
    # torch takes no reversed memory, and warns of what is read-only.
    return torch.from_numpy(np.require(chunk, requirements=["C", "W"])).to(reconstruction.device)
