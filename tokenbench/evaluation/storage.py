"""What a reconstruction goes through before it is scored: nothing, or what keeping it on disk costs."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.frames import as_array
from tokenbench.media.codec import CodecRoundTrip, CodecSettings
from tokenbench.media.colour import through_pixel_format
from tokenbench.media.stored import stored_as

STORAGES = {
    "none": "8-bit RGB frames, as quantised",
    "yuv444p": "8-bit RGB to 8-bit YUV and back: the rounding alone (BT.601, limited range)",
    "yuv420p": "as yuv444p, with chroma at half resolution",
    "h264": "an H.264 file as mediapy writes it: libx264 medium, constant QP 28 above 640 x 480 pixels, else 20",
    "h264-qp28": "as h264, at QP 28 whatever the size, and the reference too: what published values stand on",
}

# Of these both sides of a pair go through one of their own (`tokenbench.evaluation.stored_alike`).
BOTH_SIDES = ("h264-qp28",)


class Storage(Protocol):
    """Frames T x H x W x 3 in, as many back in the end.

    All take uint8 arrays and tensors, and give arrays; "none" gives what it gets, whatever that is.
    """

    def push(self, frames: Any) -> Any:
        """Take the next frames; give those that are finished."""
        ...

    def flush(self) -> Any:
        """The rest."""
        ...


def open_storage(name: str, height: int, width: int, fps: float) -> Storage:
    """A storage for one clip.

    Raises:
        TokenBenchError: the name is not one of `STORAGES`.
    """
    if name in ("h264", "h264-qp28"):
        return _InMemory(name, CodecRoundTrip(_h264(name, height, width), height, width, fps))
    if name in ("yuv444p", "yuv420p"):
        return _InMemory(name, _PixelFormat(name, height, width))
    if name == "none":
        return _Untouched(height, width)
    raise TokenBenchError(f"unknown storage {name!r}: choose one of {', '.join(STORAGES)}")


def _h264(name: str, height: int, width: int) -> CodecSettings:
    """What a stored video of that name is encoded with, by one thread."""
    stored = stored_as(name)
    return CodecSettings(
        encoder=stored.encoder,
        decoder="h264",
        options={**stored.options_of(height, width), "threads": "1"},
        pixel_format=stored.pixel_format_of(height, width),
    )


class _InMemory:
    """A storage that takes 8-bit frames in the CPU's memory; those on another device are brought there."""

    def __init__(self, name: str, storage: Storage) -> None:
        self._name = name
        self._storage = storage

    def push(self, frames: Any) -> NDArray[np.uint8]:
        array = as_array(frames)
        if array.dtype != np.uint8:
            raise TokenBenchError(
                f"the storage {self._name} takes 8-bit frames, got {array.dtype}: quantise them first"
            )
        return self._storage.push(array)

    def flush(self) -> NDArray[np.uint8]:
        return self._storage.flush()


class _Untouched:
    def __init__(self, height: int, width: int) -> None:
        self._none = np.empty((0, height, width, 3), np.uint8)

    def push(self, frames: Any) -> Any:
        return frames

    def flush(self) -> NDArray[np.uint8]:
        return self._none


class _PixelFormat(_Untouched):
    def __init__(self, pixel_format: str, height: int, width: int) -> None:
        super().__init__(height, width)
        self._pixel_format = pixel_format

    def push(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return through_pixel_format(frames, self._pixel_format)
