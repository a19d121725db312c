"""Haar wavelets as patches: pixels to bands and back, exactly invertible, causal in time.

A filter's taps are a buffer because released files carry them: in bfloat16, 0.70703125 for 1/sqrt(2). The transform is
computed in float32 at least: taps of eight bits, multiplied in eight bits, would be lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tokenbench_cosmos.past import Past, begins, join

# The axes that a level halves, the one whose bit is most significant in a band's number first. The image network
# counts its bands the other way round than the video network does.
_IMAGE_AXES = (3, 2)
_VIDEO_AXES = (2, 3, 4)


class HaarWavelet2D(nn.Module):
    """Image to Haar bands, `log2(patch_size)` levels: B x C x H x W -> B x C p^2 x H/p x W/p."""

    wavelets: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        _register_taps(self)

    def forward(self, image: Tensor) -> Tensor:
        """The band of the last level is slowest along the channels, C is fastest."""
        return _analyse(image, self.wavelets, self.patch_size, _IMAGE_AXES)


class InverseHaarWavelet2D(nn.Module):
    """Haar bands to image: B x C p^2 x h x w -> B x C x hp x wp."""

    wavelets: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        _register_taps(self)

    def forward(self, bands: Tensor) -> Tensor:
        """The image."""
        return _synthesise(bands, self.wavelets, self.patch_size, _IMAGE_AXES)


class HaarWavelet3D(nn.Module):
    """Video to Haar bands, `log2(patch_size)` levels: B x C x T x H x W -> B x C p^3 x 1 + (T-1)/p x H/p x W/p.

    The first frame stands for p frames, so that it has a group of its own and a single frame is a video too.
    """

    wavelets: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        _register_taps(self)
        self.register_buffer("patch_size_buffer", torch.tensor([patch_size], dtype=torch.int32))

    def forward(self, video: Tensor, past: Past | None = None) -> Tensor:
        """Bands of T = 1 (mod p) frames, T = 0 (mod p) after the first chunk."""
        if begins(self, past):
            video = join(video[:, :, :1].expand(-1, -1, self.patch_size - 1, -1, -1), video)
        return _analyse(video, self.wavelets, self.patch_size, _VIDEO_AXES)


class InverseHaarWavelet3D(nn.Module):
    """Haar bands to video: B x C p^3 x t x h x w -> B x C x 1 + (t-1)p x hp x wp."""

    wavelets: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        _register_taps(self)

    def forward(self, bands: Tensor, past: Past | None = None) -> Tensor:
        """The video without the copies of its first frame."""
        video = _synthesise(bands, self.wavelets, self.patch_size, _VIDEO_AXES)
        return video[:, :, self.patch_size - 1 :] if begins(self, past) else video


def _analyse(x: Tensor, taps: Tensor, patch_size: int, axes: Sequence[int]) -> Tensor:
    samples = _precise(x)
    for _ in range(_levels(patch_size)):
        samples = _split(samples, _precise(taps), axes)
    return samples.to(x.dtype)


def _synthesise(x: Tensor, taps: Tensor, patch_size: int, axes: Sequence[int]) -> Tensor:
    bands = _precise(x)
    for _ in range(_levels(patch_size)):
        bands = _join(bands, _precise(taps), axes)
    return bands.to(x.dtype)


def _split(x: Tensor, taps: Tensor, axes: Sequence[int]) -> Tensor:
    """One level: every axis halved, and twice the channels for each.

    The low-pass filter adds the taps' multiples of an even sample and the odd one after it, the high-pass filter
    subtracts them. The scale makes every band a signed mean, so that [-1, 1] stays [-1, 1].
    """
    bands = [x / math.sqrt(2) ** len(axes)]
    for axis in axes:
        halves = []
        for band in bands:
            even, odd = (part * tap for part, tap in zip(_pairs(band, axis), taps, strict=True))
            halves += [even + odd, even - odd]
        bands = halves
    return torch.cat(bands, dim=1)


def _join(x: Tensor, taps: Tensor, axes: Sequence[int]) -> Tensor:
    """One level back."""
    bands = list((x * math.sqrt(2) ** len(axes)).chunk(2 ** len(axes), dim=1))
    for axis in reversed(axes):
        lows, highs = bands[::2], bands[1::2]
        bands = [
            torch.stack([(low + high) * taps[0], (low - high) * taps[1]], dim=axis + 1).flatten(axis, axis + 1)
            for low, high in zip(lows, highs, strict=True)
        ]
    return bands[0]


def _pairs(x: Tensor, axis: int) -> tuple[Tensor, ...]:
    return x.unflatten(axis, (-1, 2)).unbind(axis + 1)


def _precise(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _levels(patch_size: int) -> int:
    return patch_size.bit_length() - 1


def _register_taps(module: nn.Module) -> None:
    module.register_buffer("wavelets", torch.full((2,), 1 / math.sqrt(2)))
    # Not read: released files keep it as the exponent of the high-pass filter's signs.
    module.register_buffer("_arange", torch.arange(2))
