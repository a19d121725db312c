"""Other ways to take PSNR: from any MSE, as a mean over frames, and in 8-bit arithmetic with wrap-around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics.pixel import CHANNELS, PEAK, check_pair
from tokenbench.parallel import each

# As in `tokenbench.metrics.pixel`: identical frames have 186.6 dB, where other tools say infinity.
_EPSILON = float(np.finfo(np.float32).eps)


def psnr_of_mse(mse: float, peak: float = PEAK) -> float:
    """PSNR in dB: 20 log10(peak / (sqrt(MSE) + float32 eps)), for values in [0, 255]."""
    return 20 * math.log10(peak / (math.sqrt(mse) + _EPSILON))


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
    return math.fsum(psnr_of_mse(error / values_per_frame) for error in squared_errors) / len(squared_errors)


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
        arrays = [isinstance(frames, np.ndarray) for frames in (reference, reconstruction)]
        if all(arrays):
            check_pair(reference, reconstruction)
            self._sum += sum(each(_wrapped_of_arrays, zip(reference, reconstruction, strict=True)))
        elif any(arrays):
            raise TokenBenchError("reference and reconstruction must both be arrays or both be tensors: convert one")
        else:
            check_tensors(reference, reconstruction)
            self._sum += sum(map(_wrapped_of_tensors, reference, reconstruction))
        self._values += math.prod(reference.shape)

    def values(self) -> dict[str, float]:
        """`psnr-uint8wrap` in dB.

        Raises:
            ClipError: there were no frames.
        """
        if self._values == 0:
            raise ClipError("no frames to score: the clip is empty")
        return {"psnr-uint8wrap": psnr_of_mse(self._sum / self._values)}


def check_tensors(reference: Any, reconstruction: Any) -> None:
    """Refuse two tensors that are not a pair of T x H x W x 3 uint8 chunks of one shape and device.

    Raises:
        ClipError: the shapes differ.
        TokenBenchError: not uint8, not T x H x W x 3, or on two devices.
    """
    for name, chunk in (("reference", reference), ("reconstruction", reconstruction)):
        if str(chunk.dtype) != "torch.uint8" or chunk.ndim != 4 or chunk.shape[-1] != CHANNELS:
            raise TokenBenchError(
                f"{name} must be uint8 T x H x W x 3, got {chunk.dtype} {tuple(chunk.shape)}: quantise it first"
            )
    if reference.shape != reconstruction.shape:
        raise ClipError(
            "reference and reconstruction must have the same shape,"
            f" got {tuple(reference.shape)} and {tuple(reconstruction.shape)} (T x H x W x 3)"
        )
    if reference.device != reconstruction.device:
        raise TokenBenchError(
            f"reference is on {reference.device} and reconstruction on {reconstruction.device}: move one to the other"
        )


def _wrapped_of_arrays(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> int:
    # Imported here, because loading numba takes half a second that only scoring should cost.
    from tokenbench.metrics.wrap_kernel import wrapped_squared_error

    x, y = pair
    return int(wrapped_squared_error(x.ravel(), y.ravel()))


def _wrapped_of_tensors(x: Any, y: Any) -> int:
    difference = x - y
    return int((difference * difference).sum())
