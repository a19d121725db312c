"""Reconstructions as a network gave them, before anything made 8 bits of them: .npy files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError

ARRAY_SUFFIX = ".npy"

_DTYPES = (np.uint8, np.float16, np.float32)
_WHITE = np.float32(255)

# Networks go past [0, 1] a little; values in [-1, 1] or [0, 255] go further.
_LEAST, _MOST = -0.5, 1.5


@dataclass(frozen=True)
class FrameArray:
    """Frames in a .npy file, mapped into memory and read chunk by chunk.

    Args:
        path: of the file.
        array: T x H x W x 3; uint8 in [0, 255], or float32 or float16 in [0, 1].
    """

    path: Path
    array: NDArray[Any]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.array.shape[1]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.array.shape[2]

    @property
    def is_float(self) -> bool:
        """Whether the values have not been made 8 bits yet."""
        return self.array.dtype != np.uint8

    def chunks(self, size: int, *, frames: int | None = None) -> Iterator[NDArray[Any]]:
        """At most `frames` frames, T <= `size` at a time: uint8, or float32 clamped to [0, 255].

        Raises:
            ClipError: values are not finite, or far outside [0, 1].
        """
        array = self.array[:frames]
        for start in range(0, len(array), size):
            yield self._pixels(array[start : start + size])

    def _pixels(self, chunk: NDArray[Any]) -> NDArray[Any]:
        if not self.is_float:
            return np.array(chunk)
        values = chunk.astype(np.float32)
        least, most = values.min(), values.max()
        # A NaN is in no interval, so this finds it too.
        if not (least >= _LEAST and most <= _MOST):
            raise ClipError(
                f"{self.path} has values from {least:g} to {most:g}, expected [0, 1]; a network's y in [-1, 1] is"
                " (y + 1) / 2 there"
            )
        return values.clip(0, 1) * _WHITE


def open_array(path: Path) -> FrameArray:
    """A .npy file of one clip T x H x W x 3, or of one image H x W x 3.

    Raises:
        ClipError: the file cannot be read, or holds another type or shape.
    """
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError as error:
        raise ClipError(f"{path}: no such file; check the path") from error
    except (OSError, ValueError, EOFError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ClipError(f"{path}: not a readable array ({reason}); write it with numpy.save") from error
    if array.dtype not in _DTYPES:
        raise ClipError(f"{path} holds {array.dtype}, expected float32 or float16 in [0, 1], or uint8; convert it")
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[-1] != 3 or array.size == 0:
        shape = " x ".join(map(str, array.shape)) or "a single value"
        raise ClipError(f"{path} is {shape}, expected T x H x W x 3 or H x W x 3; move its axes")
    return FrameArray(path, array)
