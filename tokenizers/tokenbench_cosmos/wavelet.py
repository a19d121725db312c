"""Haar wavelets as patches: pixels to bands and back, exactly invertible, causal in time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

TIME, HEIGHT, WIDTH = 2, 3, 4

# Makes every band a signed mean of its 2 x 2 x 2 samples, so that [-1, 1] stays [-1, 1].
_MEAN = 2 * math.sqrt(2)


class Wavelet3D(nn.Module):
    """Video to Haar bands, `log2(patch_size)` levels: B x C x T x H x W -> B x C p^3 x 1 + (T-1)/p x H/p x W/p.

    The first frame stands for p frames, so that it has a group of its own and a single frame is a video too.

    The filter tap is a buffer because released files carry it: in bfloat16, 0.70703125 for 1/sqrt(2).
    """

    wavelets: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        _register_taps(self)
        self.register_buffer("patch_size_buffer", torch.tensor([patch_size], dtype=torch.int32))

    def forward(self, video: Tensor) -> Tensor:
        """Bands of T = 1 (mod p) frames; the band of the last level is slowest along the channels, C is fastest."""
        first = video[:, :, :1]
        x = torch.cat([first] * (self.patch_size - 1) + [video], dim=TIME)
        for _ in range(_levels(self.patch_size)):
            x = haar(x, self.wavelets)
        return x


class InverseWavelet3D(nn.Module):
    """Haar bands to video: B x C p^3 x t x h x w -> B x C x 1 + (t-1)p x hp x wp."""

    wavelets: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        _register_taps(self)

    def forward(self, bands: Tensor) -> Tensor:
        """The video without the copies of its first frame."""
        x = bands
        for _ in range(_levels(self.patch_size)):
            x = inverse_haar(x, self.wavelets)
        return x[:, :, self.patch_size - 1 :]


def haar(x: Tensor, taps: Tensor) -> Tensor:
    """One level: B x C x T x H x W, all even -> B x 8C x T/2 x H/2 x W/2.

    Bands come in the order LLL, LLH, LHL, ... HHH, the letters standing for T, H, W; each has C channels.

    Args:
        x: samples.
        taps: the two taps of the low-pass filter; the high-pass filter negates the second.
    """
    bands = [x]
    for axis in (TIME, HEIGHT, WIDTH):
        bands = [half for band in bands for half in _split(band, axis, taps)]
    return torch.cat(bands, dim=1) / _MEAN


def inverse_haar(x: Tensor, taps: Tensor) -> Tensor:
    """One level back: B x 8C x T x H x W -> B x C x 2T x 2H x 2W."""
    bands = list(x.chunk(8, dim=1))
    for axis in (WIDTH, HEIGHT, TIME):
        bands = [_join(low, high, axis, taps) for low, high in zip(bands[::2], bands[1::2], strict=True)]
    return bands[0] * _MEAN


def _split(x: Tensor, axis: int, taps: Tensor) -> tuple[Tensor, Tensor]:
    even, odd = x.unflatten(axis, (-1, 2)).unbind(axis + 1)
    even, odd = even * taps[0], odd * taps[1]
    return even + odd, even - odd


def _join(low: Tensor, high: Tensor, axis: int, taps: Tensor) -> Tensor:
    even, odd = (low + high) * taps[0], (low - high) * taps[1]
    return torch.stack([even, odd], dim=axis + 1).flatten(axis, axis + 1)


def _levels(patch_size: int) -> int:
    return patch_size.bit_length() - 1


def _register_taps(module: nn.Module) -> None:
    module.register_buffer("wavelets", torch.full((2,), 1 / math.sqrt(2)))
    # Not read: released files keep it as the exponent of the high-pass filter's signs.
    module.register_buffer("_arange", torch.arange(2))
