"""PSNR and SSIM of two clips or images that are in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.metrics.frames import check_pair
from tokenbench.metrics.pixel import PixelScores, psnr_from_error


def psnr(reference: Any, reconstruction: Any) -> float:
    """Peak signal-to-noise ratio in dB, from one mean squared error over everything.

    Args:
        reference: T x H x W x 3 or H x W x 3, uint8, [0, 255]; a NumPy array or a torch tensor on any device.
        reconstruction: the same shape.

    Returns:
        20 log10(255 / (sqrt(MSE) + eps)) with float32's eps: about 186.6 for identical clips.

    Raises:
        ClipError: the shapes differ, or there are no values.
        TokenBenchError: not uint8, or not T x H x W x 3 or H x W x 3.
    """
    x, y = _clips(reference, reconstruction)
    if x.size == 0:
        raise ClipError("no frames to score: the clip is empty")
    from tokenbench.metrics.kernels import squared_error

    # Frame by frame, because ravel copies what is not contiguous.
    error = sum(squared_error(frame.ravel(), other.ravel()) for frame, other in zip(x, y, strict=True))
    return psnr_from_error(error, x.size)


def ssim(reference: Any, reconstruction: Any) -> float:
    """Structural similarity, the mean over the frames of scikit-image's `structural_similarity`.

    Args:
        reference: T x H x W x 3 or H x W x 3, uint8, [0, 255], H and W at least 7; a NumPy array or a torch
            tensor on any device.
        reconstruction: the same shape.

    Returns:
        A value in [-1, 1]; exactly 1 for identical clips.

    Raises:
        ClipError: the shapes differ, there are no frames, or the frames are too small.
        TokenBenchError: not uint8, or not T x H x W x 3 or H x W x 3.
    """
    scores = PixelScores()
    scores.update(*_clips(reference, reconstruction))
    return scores.values()["ssim"]


def _clips(reference: Any, reconstruction: Any) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    x, y = _frames(reference), _frames(reconstruction)
    check_pair(x, y)
    return x, y


def _frames(values: Any) -> NDArray[Any]:
    """A tensor as an array, and an image as a clip of one frame."""
    # Known by its method, because importing torch to ask for the type takes seconds.
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    return array[None] if array.ndim == 3 else array
