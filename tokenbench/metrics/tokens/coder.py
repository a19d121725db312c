"""Real bytes for a clip's tokens: a file's length beside nominal bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError

if TYPE_CHECKING:
    from tokenbench.metrics.tokens.kernels import Model

# Goes up with every change that makes other bytes of the same tokens: rates are comparable within a version only.
CODER_VERSION = 1


class Encoder:
    """Writes the frames of one clip, in memory that does not grow with its length.

    Args:
        bits: of a number.
        ignored: lower bits of a neighbour that say nothing about a number; 0 for codes.
    """

    def __init__(self, bits: int, ignored: int = 0) -> None:
        self._bits, self._ignored = bits, ignored
        self._model: Model | None = None
        self._state: NDArray[np.int64]
        self._before: NDArray[np.int64]

    def push(self, frame: NDArray[np.int64]) -> bytes:
        """The bytes that are settled once this frame is written.

        Args:
            frame: C x h x w, int64, [0, 2**bits); the same shape for all frames of the clip.
        """
        # Imported here, because loading numba takes half a second that only coding should cost.
        from tokenbench.metrics.tokens import kernels

        if self._model is None:
            self._model, self._state = kernels.new_model(), kernels.new_state()
            self._before = np.full(frame.shape, kernels.ABSENT, np.int64)
        room = np.empty(kernels.BYTES_PER_BIT * self._bits * frame.size + kernels.SPARE_BYTES, np.uint8)
        coder, frame = kernels.Coder(self._state, room), np.array(frame, np.int64, order="C")
        written = kernels.code_frame(self._model, coder, frame, self._before, self._bits, self._ignored, False)
        self._before = frame
        return room[:written].tobytes()

    def finish(self) -> bytes:
        """What follows the last frame's bytes: one byte or none."""
        from tokenbench.metrics.tokens import kernels

        return b"" if self._model is None else kernels.last_byte(self._state)


def encode(values: NDArray[np.int64], bits: int, ignored: int = 0) -> bytes:
    """A clip of numbers as bytes, without a header: `decode` must be told shape and bits.

    Args:
        values: T x C x h x w, int64, [0, 2**bits).
        bits: of a number.
        ignored: as `Encoder` takes it.
    """
    encoder = Encoder(bits, ignored)
    return b"".join([*map(encoder.push, values), encoder.finish()])


def decode(data: bytes, shape: Sequence[int], bits: int, ignored: int = 0) -> NDArray[np.int64]:
    """The numbers that `encode` was given.

    Args:
        data: what it returned.
        shape: T, C, h, w.
        bits: of a number.
        ignored: as it was given.

    Returns:
        T x C x h x w, int64.

    Raises:
        TokenBenchError: the shape has other than four sizes.
    """
    from tokenbench.metrics.tokens import kernels

    if len(shape) != 4:
        raise TokenBenchError(f"a clip of tokens has the shape T x C x h x w, got {tuple(shape)}")
    values = np.zeros(shape, np.int64)
    model = kernels.new_model()
    coder = kernels.Coder(kernels.new_state(data), np.frombuffer(bytearray(data), np.uint8))
    before = np.full(values.shape[1:], kernels.ABSENT, np.int64)
    for frame in values:
        kernels.code_frame(model, coder, frame, before, bits, ignored, True)
        before = frame
    return values
