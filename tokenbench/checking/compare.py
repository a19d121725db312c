"""How far two tensors are apart."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Both of a video in [-1, 1].
_PEAK = 2.0

# Above it, float32 arithmetic is all that is left.
MOST_DECIBELS = 120.0


class Difference(NamedTuple):
    """Of a tensor from the expected one.

    Args:
        relative: root mean square of the difference over that of what was expected.
        largest: absolute difference of any value.
        decibels: PSNR for values in [-1, 1], at most `MOST_DECIBELS`.
    """

    relative: float
    largest: float
    decibels: float


def difference(given: Tensor, expected: Tensor) -> Difference:
    """Of two tensors of one shape, on any devices, in float64."""
    x, y = given.detach().double().cpu(), expected.detach().double().cpu()
    error = (x - y).square().mean().item()
    scale = y.square().mean().item()
    relative = 0.0 if error == 0 else math.sqrt(error / scale) if scale else math.inf
    return Difference(relative, (x - y).abs().max().item(), decibels(error))


def decibels(error: float, peak: float = _PEAK) -> float:
    """PSNR of a mean squared error, at most `MOST_DECIBELS`."""
    return MOST_DECIBELS if error <= 0 else min(MOST_DECIBELS, 10 * math.log10(peak**2 / error))


def shown(level: float) -> str:
    """A PSNR for a reader."""
    return "identical" if level >= MOST_DECIBELS else f"{level:.2f} dB"


def psnr(given: Tensor, expected: Tensor) -> float:
    """PSNR in dB for values in [-1, 1]."""
    return difference(given, expected).decibels


def share_changed(given: Tensor, expected: Tensor) -> float:
    """Share of the codes that are others."""
    return (given.cpu() != expected.cpu()).double().mean().item()


def tolerance(dtype: torch.dtype) -> float:
    """Relative difference that the order of sums may make in a deep network: some thousand roundings."""
    return 1e-3 if dtype == torch.float32 else 5e-2


def sizes(value: Tensor) -> str:
    """Its shape, for a reader."""
    return " x ".join(map(str, value.shape))
