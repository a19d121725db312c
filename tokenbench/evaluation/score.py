"""Score one clip: decode, reconstruct, measure, in one pass of bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.streams import open_stream, window_used
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics import PixelScores, seam
from tokenbench.metrics.pixel import CHANNELS
from tokenbench.tokenizer import Tokenizer


class Observer(Interface):
    """Something else that looks at the frames as they are scored."""

    def update(self, reference: NDArray[np.uint8], reconstruction: NDArray[np.uint8]) -> None:
        """The next frames, uint8 T x H x W x 3 each."""
        ...


def score_clip(
    clip: Clip, tokenizer: Tokenizer, protocol: Protocol, compute: Compute, observers: Sequence[Observer] = ()
) -> ClipRecord:
    """Reconstruct a clip and measure it.

    Args:
        clip: with its size and rate known (`Clip.probed`).
        tokenizer: on `compute.device`.
        protocol: which frames, in which windows, and through which storage.
        compute: device and dtype of the tokenizer.
        observers: look at every pair of chunks.

    Raises:
        ClipError: the clip cannot be read, reconstructed or measured.
    """
    stream = open_stream(tokenizer, compute, fps=clip.fps, window=protocol.window)
    storage = open_storage(protocol.storage, clip.height, clip.width, clip.fps)
    scores = PixelScores()
    errors: list[int] = []
    size = chunk_frames(clip.height, clip.width)
    with closing(prefetch(clip.chunks(size, frames=protocol.frames))) as chunks:
        for reference, reconstruction in reconstruct(chunks, stream, storage):
            errors += scores.update(reference, reconstruction)
            for observer in observers:
                observer.update(reference, reconstruction)
    values = scores.values()
    if window := window_used(tokenizer, protocol.window):
        border = seam(errors, window, scores.height * scores.width * CHANNELS)
        values |= {} if border is None else {"seam": border}
    if stream.bits is not None:
        values["bits_per_pixel"] = stream.bits / (scores.frames * clip.height * clip.width)
    return ClipRecord.of(clip, scores.frames, values)
