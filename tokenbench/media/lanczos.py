"""Pillow's Lanczos resize of 8-bit RGB, bit for bit, several times as fast.

`Image.resize(size, Image.Resampling.LANCZOS)` weighs pixels along rows, then along columns. The centre of output pixel
o lies at c = (o + 0.5) r of the input, where r is the input's size over the output's. With s = max(r, 1), the pixels
from [c - 3s + 0.5] up to, but without, [c + 3s + 0.5] take part, as far as they exist ([] cuts off towards zero); the
weight of pixel i is L((i + 0.5 - c) / s) over the sum of all of them, rounded to multiples of 2^-22, with
L(x) = sinc(x) sinc(x / 3) for -3 <= x < 3 and 0 elsewhere. Both passes give 8 bits, rounded half up and clipped; one
that changes no size is left out. Pillow 10.4 to 12.0 do so for every size; 13.0 takes columns before rows for some
that become lower, which changes bits.

Importing this module loads numba; an installation's first call compiles the kernels, which are then cached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tokenbench.jit import kernel

_BITS = 22

# Weights are taken four at a time, so that sums are read and written a quarter as often.
_TAPS = 4

# Rows that the pass along rows takes together, and values that are summed together: so many fit the processor's caches.
_STRIP = 64
_LANES = 1024


def lanczos_resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An image of another size, as Pillow gives it.

    Args:
        image: uint8 H x W x 3, not empty.
        height: of the new one, at least 1.
        width: the same.

    Returns:
        uint8 height x width x 3; contiguous.
    """
    image = np.ascontiguousarray(image)
    if width != image.shape[1]:
        image = _along_rows(image, width)
    if height != image.shape[0]:
        image = _along_columns(image, height)
    return image


@dataclass(frozen=True)
class _Weights:
    """Output o is the sum of `values[o, i]`, in units of 2^-22, times input `first[o] + i`, where that exists.

    Args:
        first: int64, one for each output.
        values: int32, outputs x a multiple of 4.
    """

    first: NDArray[np.int64]
    values: NDArray[np.int32]


@lru_cache(maxsize=8)
def _weights(before: int, after: int) -> _Weights:
    """The weights of a pass. The C library's sine and plain sums from the left are Pillow's."""
    ratio = before / after
    scale = max(ratio, 1.0)
    rows: list[list[int]] = []
    first = np.empty(after, np.int64)
    for output in range(after):
        centre = (output + 0.5) * ratio
        low = max(int(centre - 3 * scale + 0.5), 0)
        high = min(int(centre + 3 * scale + 0.5), before)
        exact = [_lanczos((pixel - centre + 0.5) * (1 / scale)) for pixel in range(low, high)]
        total = 0.0
        for weight in exact:
            total += weight
        rows.append([int(weight / total * 2**_BITS + math.copysign(0.5, weight)) for weight in exact])
        first[output] = low
    taps = -(-max(map(len, rows)) // _TAPS) * _TAPS
    return _Weights(first, np.array([row + [0] * (taps - len(row)) for row in rows], np.int32))


def _lanczos(x: float) -> float:
    if x == 0:
        return 1.0
    return _sinc(x) * _sinc(x / 3) if -3 <= x < 3 else 0.0


def _sinc(x: float) -> float:
    x *= math.pi
    return math.sin(x) / x


def _along_rows(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Strips of rows are stood on end, so that neighbours in memory have the same weights."""
    height, before = image.shape[:2]
    weights = _weights(before, width)
    out = np.empty((-(-height // _STRIP) * _STRIP, width, 3), np.uint8)
    rows, new_rows = image.reshape(height, -1), out.reshape(len(out), -1)
    words, new_words = (np.empty((_STRIP // 8, 3 * size), np.uint64) for size in (before, width))
    standing, new_standing = (np.empty((3 * size, _STRIP // 8), np.uint64) for size in (before, width))
    for top in range(0, height, _STRIP):
        _pack(rows, top, words)
        standing[:] = words.T
        _weigh(_pixels(standing), weights.first, weights.values, _pixels(new_standing))
        new_words[:] = new_standing.T
        _unpack(new_words, new_rows[top : top + _STRIP])
    return out[:height]


def _along_columns(image: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    weights = _weights(len(image), height)
    out = np.empty((height, *image.shape[1:]), np.uint8)
    _weigh(image.reshape(len(image), -1), weights.first, weights.values, out.reshape(height, -1))
    return out


def _pixels(standing: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """A column of pixels in each row."""
    return standing.view(np.uint8).reshape(len(standing) // 3, -1)


@kernel
def _weigh(rows, first, values, out):  # type: ignore[no-untyped-def]
    """Weighted sums of `rows` (uint8 inputs x lanes) into `out` (uint8 outputs x lanes)."""
    last, lanes = rows.shape[0] - 1, rows.shape[1]
    sums = np.empty(_LANES, np.int32)
    for output in range(out.shape[0]):
        for left in range(0, lanes, _LANES):
            right = min(left + _LANES, lanes)
            sums[: right - left] = 1 << (_BITS - 1)
            for tap in range(0, values.shape[1], _TAPS):
                # Weights of rows behind the last are zero.
                start = first[output] + tap
                a, by_a = rows[min(start, last), left:right], values[output, tap]
                b, by_b = rows[min(start + 1, last), left:right], values[output, tap + 1]
                c, by_c = rows[min(start + 2, last), left:right], values[output, tap + 2]
                d, by_d = rows[min(start + 3, last), left:right], values[output, tap + 3]
                for lane in range(right - left):
                    sums[lane] += by_a * a[lane] + by_b * b[lane] + by_c * c[lane] + by_d * d[lane]
            made = out[output, left:right]
            for lane in range(right - left):
                made[lane] = min(max(sums[lane] >> _BITS, 0), 255)


@kernel
def _pack(rows, top, words):  # type: ignore[no-untyped-def]
    """Eight rows of uint8 into each row of uint64, from row `top` on; behind the last row, that one again."""
    last = rows.shape[0] - 1
    for eight in range(words.shape[0]):
        for lane in range(words.shape[1]):
            word = np.uint64(0)
            for byte in range(8):
                word |= np.uint64(rows[min(top + 8 * eight + byte, last), lane]) << np.uint64(8 * byte)
            words[eight, lane] = word


@kernel
def _unpack(words, rows):  # type: ignore[no-untyped-def]
    """The way back."""
    for eight in range(words.shape[0]):
        for byte in range(8):
            for lane in range(words.shape[1]):
                rows[8 * eight + byte, lane] = words[eight, lane] >> np.uint64(8 * byte)
