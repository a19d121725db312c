"""Frames of a clip and of its reconstruction: what every meter asks of them, and how they get onto a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tokenbench.errors import ClipError, TokenBenchError

if TYPE_CHECKING:
    import torch

CHANNELS = 3
PEAK = 255


def check_frames(reference: Any, reconstruction: Any, size: tuple[int, ...] | None = None) -> None:
    """Refuse what is not a pair of T x H x W x 3 uint8 chunks of one shape; arrays and tensors alike.

    Args:
        reference: frames.
        reconstruction: frames.
        size: H and W of earlier frames of the clip, if any, which these must have.

    Raises:
        ClipError: the shapes differ, or the frames' size has changed.
        TokenBenchError: not uint8, or not T x H x W x 3.
    """
    for name, chunk in (("reference", reference), ("reconstruction", reconstruction)):
        dtype = str(chunk.dtype).removeprefix("torch.")
        if dtype != "uint8":
            raise TokenBenchError(f"{name} must hold uint8 values in [0, 255], got {dtype}: quantise it first")
        if chunk.ndim != 4 or chunk.shape[-1] != CHANNELS:
            raise TokenBenchError(f"{name} must have the shape T x H x W x 3, got {by(chunk.shape)}")
    check_shapes(reference, reconstruction)
    if size is not None and len(reference) and tuple(reference.shape[1:3]) != tuple(size):
        height, width = reference.shape[1:3]
        raise ClipError(
            f"the frames of a clip must have one size: got {width} x {height} pixels after {size[1]} x {size[0]}"
        )


def check_pair(reference: Any, reconstruction: Any, size: tuple[int, ...] | None = None) -> None:
    """As `check_frames`, and both must be arrays, or tensors on one device.

    Raises:
        ClipError: the shapes differ, or the frames' size has changed.
        TokenBenchError: not uint8, not T x H x W x 3, or not both of one kind.
    """
    check_frames(reference, reconstruction, size)
    if (place := _place(reference)) != (other := _place(reconstruction)):
        raise TokenBenchError(
            f"the reference is {place} and the reconstruction {other}: they must be two arrays, or two tensors on one"
            " device; convert one"
        )


def check_shapes(reference: Any, reconstruction: Any) -> None:
    """Refuse two chunks of different shapes.

    Raises:
        ClipError: they differ.
    """
    if reference.shape != reconstruction.shape:
        raise ClipError(
            "reference and reconstruction must have the same shape,"
            f" got {by(reference.shape)} and {by(reconstruction.shape)} (T x H x W x 3)"
        )


def on_device(frames: Any, device: torch.device) -> torch.Tensor:
    """An array or a tensor as a tensor on that device."""
    import torch

    # torch takes no reversed memory, and warns of what is read-only; a copy of an array is neither.
    tensor = frames if isinstance(frames, torch.Tensor) else torch.from_numpy(np.array(frames, order="C"))
    return tensor.to(device)


def by(shape: tuple[int, ...]) -> str:
    """16 x 720 x 1280 x 3."""
    return " x ".join(map(str, shape)) or "a single value"


def _place(frames: Any) -> str:
    return "an array" if isinstance(frames, np.ndarray) else f"a tensor on {frames.device}"
