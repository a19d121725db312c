"""PSNR and SSIM of one clip, added up chunk by chunk.

The sums are whole numbers, so a clip's scores do not depend on how it was cut into chunks, in which order the
chunks came, how many threads scored them, or on which device; saving, merging and resuming do not change a bit of
them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics.frames import CHANNELS, PEAK, check_pair
from tokenbench.parallel import each

if TYPE_CHECKING:
    from torch import Tensor

    Frames = NDArray[np.uint8] | Tensor

# Not taken from `kernels`, whose import loads numba; a test holds the two together.
WINDOW = 7
SSIM_ONE = 1 << 24

# Keeps identical clips finite, at 186.6 dB: the public metrics script divides by RMSE plus float32's epsilon.
_EPSILON = float(np.finfo(np.float32).eps)


@dataclass
class PixelScores:
    """PSNR and SSIM of one clip, or of a part of it.

    Args:
        frames: frame pairs scored so far.
        height: of every frame, in pixels; 0 before the first frame.
        width: the same.
        squared_error: the sum of (reference - reconstruction)**2 over all values.
        ssim: the sum of SSIM over frames, window positions and channels, in units of `1 / SSIM_ONE`.
    """

    frames: int = 0
    height: int = 0
    width: int = 0
    squared_error: int = 0
    ssim: int = 0

    def update(self, reference: Frames, reconstruction: Frames) -> list[int]:
        """Add a chunk of frame pairs: arrays are scored on all cores, tensors on their device.

        Args:
            reference: T x H x W x 3, uint8, [0, 255]; H and W at least 7, and the same for all chunks.
            reconstruction: the same shape and kind, frame by frame beside `reference`.

        Returns:
            The sum of squared errors of each frame.

        Raises:
            ClipError: the two differ in shape, frames are smaller than 7 x 7, or their size has changed.
            TokenBenchError: not uint8, not T x H x W x 3, or not both arrays or tensors on one device.
        """
        check_pair(reference, reconstruction, (self.height, self.width) if self.frames else None)
        frames, height, width, _ = reference.shape
        _check_window(height, width)
        if frames == 0:
            return []
        scores = _score_frames(reference, reconstruction)
        self.squared_error += sum(squared_error for squared_error, _ in scores)
        self.ssim += sum(ssim for _, ssim in scores)
        self.frames += frames
        self.height, self.width = height, width
        return [squared_error for squared_error, _ in scores]

    def merge(self, other: PixelScores) -> None:
        """Add the frames that `other` has seen, as if they had been passed to `update` here.

        Raises:
            TokenBenchError: the frame sizes differ.
        """
        if other.frames == 0:
            return
        if self.frames and (other.height, other.width) != (self.height, self.width):
            raise TokenBenchError(
                f"cannot merge scores of {self.width} x {self.height} frames with scores of"
                f" {other.width} x {other.height} frames: merge parts of one clip only"
            )
        self.height, self.width = other.height, other.width
        self.frames += other.frames
        self.squared_error += other.squared_error
        self.ssim += other.ssim

    def values(self) -> dict[str, float]:
        """The clip's scores: `psnr` in dB, `ssim` in [-1, 1] with 1 for identical clips.

        Raises:
            ClipError: there were no frames.
        """
        if self.frames == 0:
            raise ClipError("no frames to score: the clip is empty")
        margin = WINDOW - 1
        positions = self.frames * (self.height - margin) * (self.width - margin) * CHANNELS
        values = self.frames * self.height * self.width * CHANNELS
        return {
            "psnr": psnr_from_error(self.squared_error, values),
            "ssim": self.ssim / (positions * SSIM_ONE),
        }

    def state(self) -> dict[str, int]:
        """Everything that `from_state` needs, ready for JSON; the sums can exceed 2**53."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PixelScores:
        """The scores whose `state()` this is.

        Raises:
            TokenBenchError: a field is missing, unknown or not a whole number.
        """
        names = {field.name for field in fields(cls)}
        if set(state) != names or not all(type(value) is int for value in state.values()):
            raise TokenBenchError(
                f"not a saved state of pixel scores: expected whole numbers for {', '.join(sorted(names))};"
                f" got {dict(state)}"
            )
        return cls(**state)


def psnr_from_error(squared_error: float, values: int, peak: float = PEAK) -> float:
    """PSNR in dB from the sum of squared errors over `values` values in [0, 255].

    Source:
        The public TokenBench script: 20 log10(255 / (sqrt(MSE) + eps)), one MSE a clip.
    """
    return 20 * math.log10(peak / (math.sqrt(squared_error / values) + _EPSILON))


def _check_window(height: int, width: int) -> None:
    if min(height, width) < WINDOW:
        raise ClipError(f"SSIM needs at least {WINDOW} x {WINDOW} pixels, got {width} x {height}")


def _score_frames(x: Any, y: Any) -> list[tuple[int, int]]:
    """Squared error and fixed-point SSIM of every frame pair of two checked chunks."""
    # Imported here, because loading torch or numba takes time that only scoring should cost.
    if not isinstance(x, np.ndarray):
        from tokenbench.metrics.pixel_torch import score_frames

        return score_frames(x, y)
    from tokenbench.metrics.kernels import score_frame

    def score(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> tuple[int, int]:
        return score_frame(*map(np.ascontiguousarray, pair))

    return each(score, zip(x, y, strict=True))
