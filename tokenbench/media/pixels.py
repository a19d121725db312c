"""8-bit RGB to the networks' float range and back, fused into one pass over memory each way."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.jit import kernel
from tokenbench.parallel import each

# x = 2 * (u8 / 255) - 1 in float64, then cast, as the Cosmos tools do it.
_TO_FLOAT = (2 * (np.arange(256, dtype=np.float64) / 255) - 1).astype(np.float32)


def to_float(
    frames: NDArray[np.uint8], device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Tensor:
    """A clip's frames as a network takes them.

    Args:
        frames: uint8 T x H x W x 3.
        device: where the result lies.
        dtype: of the result.

    Returns:
        1 x 3 x T x H x W in [-1, 1]; a view of T x H x W x 3 memory.
    """
    frames = np.ascontiguousarray(frames)
    if torch.device(device).type == "cpu":
        values = np.empty(frames.shape, np.float32)
        each(_look_up, zip(frames, values, strict=True))
        video = torch.from_numpy(values).to(dtype)
    else:
        table = torch.from_numpy(_TO_FLOAT).to(device)
        video = table[torch.from_numpy(frames).to(device).int()].to(dtype)
    return video.permute(3, 0, 1, 2).unsqueeze(0)


def to_uint8(video: Tensor) -> NDArray[np.uint8]:
    """Quantise to 8 bits: floor(clip((y + 1) / 2, 0, 1) * 255 + 0.5) in float32, as published.

    Args:
        video: float 1 x 3 x T x H x W, nominally in [-1, 1].

    Returns:
        uint8 T x H x W x 3.

    Raises:
        ClipError: a value is NaN or infinite.
    """
    values = video.detach().squeeze(0).permute(1, 2, 3, 0)
    if values.device.type != "cpu":
        return _quantise_on_device(values)
    array = values.float().contiguous().numpy()
    frames = np.empty(array.shape, np.uint8)
    _refuse_not_finite(sum(each(_quantise, zip(array, frames, strict=True))), array.size)
    return frames


def _quantise_on_device(values: Tensor) -> NDArray[np.uint8]:
    values = values.float()
    _refuse_not_finite(int((~values.isfinite()).sum()), values.numel())
    return values.add(1).div_(2).clamp_(0, 1).mul_(255).add_(0.5).to(torch.uint8).cpu().numpy()


def _refuse_not_finite(count: int, total: int) -> None:
    if count:
        raise ClipError(f"the reconstruction has {count} NaN or infinite values of {total}")


def _look_up(pair: tuple[NDArray[Any], NDArray[Any]]) -> None:
    source, target = pair
    _look_up_kernel(source.ravel(), _TO_FLOAT, target.reshape(-1))


def _quantise(pair: tuple[NDArray[Any], NDArray[Any]]) -> int:
    source, target = pair
    return int(_quantise_kernel(source.ravel(), target.reshape(-1)))


@kernel
def _look_up_kernel(source, table, target):  # type: ignore[no-untyped-def]
    for i in range(source.size):
        target[i] = table[source[i]]


@kernel
def _quantise_kernel(source, target):  # type: ignore[no-untyped-def]
    not_finite = 0
    for i in range(source.size):
        value = source[i]
        not_finite += not abs(value) <= np.float32(3.4028235e38)
        unit = (value + np.float32(1)) / np.float32(2)
        unit = min(max(unit, np.float32(0)), np.float32(1))
        target[i] = np.uint8(np.int32(unit * np.float32(255) + np.float32(0.5)))
    return not_finite
