"""Other ways to take PSNR: as a mean over frames, and in 8-bit arithmetic with wrap-around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.metrics.frames import check_pair
from tokenbench.metrics.pixel import psnr_from_error
from tokenbench.parallel import each


def psnr_frame(squared_errors: Sequence[float], values_per_frame: int) -> float:
    """The mean over frames of each frame's PSNR, in dB; never below the PSNR of one MSE.

    Args:
        squared_errors: the sum over each frame, as `PixelScores.update` returns it.
        values_per_frame: height x width x channels.

    Raises:
        ClipError: there are no frames.
    """
    if not squared_errors:
        raise ClipError("no frames to score: the clip is empty")
    return math.fsum(psnr_from_error(error, values_per_frame) for error in squared_errors) / len(squared_errors)


class Uint8WrapScores:
    """`psnr-uint8wrap`: PSNR of an MSE whose differences and squares are taken in 8 bits, with wrap-around.

    What subtracting and squaring arrays of uint8 gives: a difference of -1 is 255, and 16 squared is 0. The mean is
    exact.

    Source:
        The first public TokenBench script.
    """

    def __init__(self) -> None:
        self._sum = 0
        self._values = 0

    def update(self, reference: Any, reconstruction: Any) -> None:
        """Add a chunk of frame pairs.

        Args:
            reference: T x H x W x 3, uint8, [0, 255]; an array, or a tensor on any device.
            reconstruction: the same shape and kind.

        Raises:
            ClipError: the shapes differ.
            TokenBenchError: not uint8, not T x H x W x 3, or an array beside a tensor.
        """
        check_pair(reference, reconstruction)
        if isinstance(reference, np.ndarray):
            self._sum += sum(each(_wrapped_of_arrays, zip(reference, reconstruction, strict=True)))
        else:
            self._sum += sum(map(_wrapped_of_tensors, reference, reconstruction))
        self._values += math.prod(reference.shape)

    def values(self) -> dict[str, float]:
        """`psnr-uint8wrap` in dB.

        Raises:
            ClipError: there were no frames.
        """
        if self._values == 0:
            raise ClipError("no frames to score: the clip is empty")
        return {"psnr-uint8wrap": psnr_from_error(self._sum, self._values)}


def _wrapped_of_arrays(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> int:
    # Imported here, because loading numba takes half a second that only scoring should cost.
    from tokenbench.metrics.wrap_kernel import wrapped_squared_error

    x, y = pair
    return int(wrapped_squared_error(x.ravel(), y.ravel()))


def _wrapped_of_tensors(x: Any, y: Any) -> int:
    difference = x - y
    return int((difference * difference).sum())
