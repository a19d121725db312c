"""8-bit RGB to the networks' float range and back, fused into one pass over memory each way."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.jit import kernel
from tokenbench.parallel import each

Quantisation = Literal["round", "truncate", "none"]

# What is added to a value before it is cut to a whole number.
_OFFSETS = {"round": 0.5, "truncate": 0.0}

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
    return quantise(video, "round").cpu().numpy()


def quantise(video: Tensor, how: Quantisation) -> Tensor:
    """What a network gives, as frames; computed in float32.

    Args:
        video: float 1 x 3 x T x H x W, nominally in [-1, 1].
        how: from v = clip((y + 1) / 2, 0, 1) * 255, "round" makes floor(v + 0.5) and "truncate" floor(v), both of 8
            bits; "none" leaves v as it is.

    Returns:
        T x H x W x 3 on the same device, contiguous: uint8, or float32 in [0, 255].

    Raises:
        ClipError: a value is NaN or infinite.
        TokenBenchError: there is no such quantisation.
    """
    if how not in get_args(Quantisation):
        raise TokenBenchError(f"unknown quantisation {how!r}: choose one of {', '.join(get_args(Quantisation))}")
    values = video.detach().squeeze(0).permute(1, 2, 3, 0).float()
    if values.device.type != "cpu":
        return _quantise_on_device(values, how)
    array = values.contiguous().numpy()
    frames = np.empty(array.shape, np.float32 if how == "none" else np.uint8)

    def convert(pair: tuple[NDArray[Any], NDArray[Any]]) -> int:
        source, target = pair
        if how == "none":
            return int(_scale_kernel(source.ravel(), target.reshape(-1)))
        return int(_quantise_kernel(source.ravel(), np.float32(_OFFSETS[how]), target.reshape(-1)))

    _refuse_not_finite(sum(each(convert, zip(array, frames, strict=True))), array.size)
    return torch.from_numpy(frames)


def _quantise_on_device(values: Tensor, how: Quantisation) -> Tensor:
    _refuse_not_finite(int((~values.isfinite()).sum()), values.numel())
    scaled = values.add(1).div_(2).clamp_(0, 1).mul_(255)
    frames = scaled if how == "none" else scaled.add_(_OFFSETS[how]).to(torch.uint8)
    return frames.contiguous()


def _refuse_not_finite(count: int, total: int) -> None:
    if count:
        raise ClipError(f"the reconstruction has {count} NaN or infinite values of {total}")


def _look_up(pair: tuple[NDArray[Any], NDArray[Any]]) -> None:
    source, target = pair
    _look_up_kernel(source.ravel(), _TO_FLOAT, target.reshape(-1))


@kernel
def _look_up_kernel(source, table, target):  # type: ignore[no-untyped-def]
    for i in range(source.size):
        target[i] = table[source[i]]


@kernel
def _quantise_kernel(source, offset, target):  # type: ignore[no-untyped-def]
    not_finite = 0
    for i in range(source.size):
        not_finite += _is_not_finite(source[i])
        target[i] = np.uint8(np.int32(_scaled(source[i]) + offset))
    return not_finite


@kernel
def _scale_kernel(source, target):  # type: ignore[no-untyped-def]
    not_finite = 0
    for i in range(source.size):
        not_finite += _is_not_finite(source[i])
        target[i] = _scaled(source[i])
    return not_finite


@njit(inline="always")
def _is_not_finite(value):  # type: ignore[no-untyped-def]
    return not abs(value) <= np.float32(3.4028235e38)


@njit(inline="always")
def _scaled(value):  # type: ignore[no-untyped-def]
    unit = (value + np.float32(1)) / np.float32(2)
    return min(max(unit, np.float32(0)), np.float32(1)) * np.float32(255)
