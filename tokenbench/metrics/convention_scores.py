"""PSNR and SSIM of one clip under any convention, added up chunk by chunk."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.conventions import Convention, Quantisation
from tokenbench.metrics.frames import CHANNELS, PEAK, by, check_shapes
from tokenbench.metrics.pixel import PixelScores, psnr_from_error
from tokenbench.metrics.psnr_modes import Uint8WrapScores
from tokenbench.metrics.windowed_ssim import Planes, gaussian, similarity, uniform

Pixels = NDArray[np.uint8] | NDArray[np.float32]

# BT.601 with 8-bit levels: black at 16, white at 235.
_LUMA = np.array([65.481, 128.553, 24.966], np.float32).reshape(3, 1, 1) / np.float32(PEAK)
_LUMA_OF_BLACK = np.float32(16)


class ConventionScores:
    """A meter of `psnr` and `ssim`. All of a convention but its storage is applied here.

    Memory is bounded by a few float copies of one frame. Identical frames have a finite PSNR in every convention (186.6
    dB where the peak is 255), where most tools say infinity.
    """

    def __init__(self, convention: Convention) -> None:
        self.convention = convention
        self._frames: _Frames = _ExactFrames() if _is_exact(convention) else _FloatFrames(convention)
        self._wrapped = Uint8WrapScores() if convention.psnr == "uint8wrap" else None
        self._count = 0
        self._mse = 0.0
        self._decibels = 0.0

    def update(self, reference: NDArray[np.uint8], reconstruction: Pixels) -> None:
        """Add a chunk of frame pairs.

        Args:
            reference: T x H x W x 3, uint8, [0, 255].
            reconstruction: the same shape; uint8, or float32 in [0, 255], which is quantised as the convention says.

        Raises:
            NotApplicable: frames are smaller than a Gaussian window, or have no range to measure.
            ClipError: the shapes differ, values are not finite or outside [0, 255], frames are smaller than 7 x 7,
                or their size has changed.
            TokenBenchError: another type, or not T x H x W x 3.
        """
        _check(reference, reconstruction)
        quantised = quantise(reconstruction, self.convention.quantisation)
        for mse in self._frames.update(reference, quantised):
            self._count += 1
            self._mse += mse
            self._decibels += self._psnr(mse)
        if self._wrapped is not None:
            self._wrapped.update(reference, quantised)

    def values(self) -> dict[str, float]:
        """`psnr` in dB, `ssim` in [-1, 1] with 1 for identical clips.

        Raises:
            ClipError: there were no frames.
        """
        if self._count == 0:
            raise ClipError("no frames to score: the clip is empty")
        if self._wrapped is not None:
            psnr = self._wrapped.values()["psnr-uint8wrap"]
        elif self.convention.psnr == "frame":
            psnr = self._decibels / self._count
        else:
            psnr = self._psnr(self._mse / self._count)
        return {"psnr": psnr, "ssim": self._frames.ssim()}

    def _psnr(self, mse: float) -> float:
        return psnr_from_error(mse, 1, _range(self.convention) or PEAK)


def quantise(pixels: Pixels, how: Quantisation) -> Pixels:
    """A reconstruction as it is scored; uint8 stays as it is.

    Args:
        pixels: uint8, or float32 in [0, 255].
        how: "round" (half up), "truncate", or "none".
    """
    if pixels.dtype == np.uint8 or how == "none":
        return pixels
    return (pixels + np.float32(0.5) if how == "round" else pixels).astype(np.uint8)


class _ExactFrames:
    """Whole-number sums, for 8-bit frames under the house's SSIM."""

    def __init__(self) -> None:
        self._scores = PixelScores()

    def update(self, reference: NDArray[np.uint8], reconstruction: Any) -> list[float]:
        errors = self._scores.update(reference, reconstruction)
        return [error / math.prod(reference.shape[1:]) for error in errors]

    def ssim(self) -> float:
        return self._scores.values()["ssim"]


class _FloatFrames:
    """Every other convention, a frame at a time."""

    def __init__(self, convention: Convention) -> None:
        self._convention = convention
        self._size: tuple[int, ...] | None = None
        self._ssim = 0.0
        self._count = 0

    def update(self, reference: NDArray[np.uint8], reconstruction: Pixels) -> list[float]:
        """The mean squared error of each frame."""
        size = reference.shape[1:]
        if self._size not in (None, size):
            raise ClipError(f"the frames of a clip must have one size: got {by(size)} pixels after {by(self._size)}")
        self._size = size
        return [self._add(*pair) for pair in zip(reference, reconstruction, strict=True)]

    def ssim(self) -> float:
        return self._ssim / self._count

    def _add(self, frame: NDArray[Any], other: NDArray[Any]) -> float:
        x, y = _planes(frame, self._convention), _planes(other, self._convention)
        self._ssim += _ssim(x, y, self._convention)
        self._count += 1
        return float(np.mean(np.square(x - y, dtype=np.float64)))


_Frames = _ExactFrames | _FloatFrames


def _is_exact(convention: Convention) -> bool:
    return (
        convention.quantisation != "none"
        and convention.resize is None
        and convention.colour == "rgb"
        and _range(convention) == PEAK
        and convention.ssim_window == "uniform7"
        and convention.ssim_covariance == "sample"
        and convention.ssim_border == "crop"
    )


def _range(convention: Convention) -> float | None:
    """The tool's range on values in [0, 255]; None where it is measured."""
    return None if convention.data_range == "measured" else convention.data_range * PEAK / convention.white


def _planes(frame: NDArray[Any], convention: Convention) -> Planes:
    """H x W x 3 as C x H' x W', float32, [0, 255]."""
    planes = frame.transpose(2, 0, 1).astype(np.float32, order="C")
    if convention.resize is not None:
        planes = _resized(planes, convention.resize)
    if convention.colour == "luma":
        planes = (_LUMA * planes).sum(axis=0, keepdims=True) + _LUMA_OF_BLACK
    return planes


def _resized(planes: Planes, short: int) -> Planes:
    # Imported here, because nothing else needs torch.
    import torch
    from torch.nn.functional import interpolate

    height, width = planes.shape[1:]
    sizes = [int(short * side / min(height, width)) for side in (height, width)]
    tensor = torch.from_numpy(planes)[None]
    return interpolate(tensor, size=sizes, mode="bilinear", align_corners=False, antialias=True)[0].numpy()


def _ssim(x: Planes, y: Planes, convention: Convention) -> float:
    weights = gaussian() if convention.ssim_window == "gaussian11" else uniform()
    reach = len(weights) // 2
    reflect = convention.ssim_border == "reflect"
    least = reach + 1 if reflect else len(weights)
    height, width = x.shape[1:]
    if min(height, width) < least:
        raise NotApplicable(f"{convention.name} needs at least {least} x {least} pixels, got {width} x {height}")
    data_range = _range(convention) or max(float(side.max() - side.min()) for side in (x, y))
    if data_range == 0:
        raise NotApplicable(f"{convention.name} has no SSIM of frames of one level, whose measured range is 0")
    if reflect:
        x, y = (np.pad(side, ((0, 0), (reach, reach), (reach, reach)), mode="reflect") for side in (x, y))
    ssim, _ = similarity(x, y, weights, data_range, sample=convention.ssim_covariance == "sample")
    return float(ssim.mean())


def _check(reference: NDArray[Any], reconstruction: NDArray[Any]) -> None:
    if reference.dtype != np.uint8:
        raise TokenBenchError(f"reference must hold uint8 values in [0, 255], got {reference.dtype}: quantise it first")
    if reconstruction.dtype not in (np.uint8, np.float32):
        raise TokenBenchError(
            f"reconstruction must hold uint8 or float32 values in [0, 255], got {reconstruction.dtype}: convert it"
        )
    if reference.ndim != 4 or reference.shape[-1] != CHANNELS:
        raise TokenBenchError(f"reference must have the shape T x H x W x 3, got {by(reference.shape)}")
    check_shapes(reference, reconstruction)
    # A NaN is in no interval, so this finds it too.
    if reconstruction.size and not (reconstruction.min() >= 0 and reconstruction.max() <= PEAK):
        raise ClipError(
            f"the reconstruction has values from {reconstruction.min()} to {reconstruction.max()}, expected [0, 255]:"
            " clamp it first"
        )
