"""Where shown frames come from: the data set, a run's saved reconstructions, or the run's tokenizer once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.evaluation.folder import RECONSTRUCTIONS
from tokenbench.evaluation.frames import as_array
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.reconstructions import reconstruction_name
from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.evaluation.streams import open_stream
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.tokenizer import Tokenizer

# H x W x 3.
Frame = NDArray[np.uint8]


def original_frames(clip: Clip, protocol: Protocol) -> Iterator[Frame]:
    """What reconstructions were scored against: the clip's frames, stored where the protocol stores both sides.

    Raises:
        ClipError: the clip cannot be read.
    """
    storage = open_storage(protocol.common_storage, clip.height, clip.width, clip.fps)
    for chunk in clip.chunks(chunk_frames(clip.height, clip.width), frames=protocol.frames):
        yield from storage.push(chunk)
    yield from storage.flush()


def saved_reconstruction(folder: Path, clip: Clip) -> Path | None:
    """The file that `eval --save-reconstructions` left in a run's folder; None where there is none."""
    path = folder / RECONSTRUCTIONS / reconstruction_name(clip)
    return path if path.is_file() else None


def saved_frames(path: Path, clip: Clip) -> Iterator[Frame]:
    """The frames of a saved reconstruction, losslessly.

    Raises:
        ClipError: the file cannot be read, or is of another size than its clip.
    """
    kept = replace(clip, path=path, member="", start=0.0, end=0.0, sha256="").probed()
    if (kept.height, kept.width) != (clip.height, clip.width):
        raise ClipError(
            f"{path} is {kept.width} x {kept.height}, its clip {clip.width} x {clip.height}; evaluate it anew"
        )
    for chunk in kept.chunks(chunk_frames(clip.height, clip.width)):
        yield from chunk


def remade_frames(clip: Clip, tokenizer: Tokenizer, protocol: Protocol, compute: Compute) -> Iterator[Frame]:
    """A clip through a tokenizer, in the way that a run scores it; floats are rounded to be seen.

    Raises:
        ClipError: the clip cannot be read or reconstructed.
    """
    stream = open_stream(
        tokenizer,
        compute,
        fps=clip.fps,
        window=protocol.window,
        quantisation=protocol.convention.quantisation,
    )
    storage = open_storage(protocol.reconstruction_storage, clip.height, clip.width, clip.fps)
    chunks = clip.chunks(chunk_frames(clip.height, clip.width), frames=protocol.frames)
    for _, frames in stored_alike(reconstruct(chunks, stream, storage), protocol.common_storage, clip):
        yield from np.rint(as_array(frames)).astype(np.uint8)
