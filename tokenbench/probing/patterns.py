"""The pictures and clips that tokenizers are shown: uint8 RGB, exactly defined, the same on every machine."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]

GREY = 128
ZONE_PLATE_AMPLITUDE = 100

# 8-bit levels of 25 %, 50 % and 75 % of full-range video.
_QUARTER, _HALF, _THREE_QUARTERS = 64, 128, 191

# Colours of the bars from left to right, as (R, G, B) switched on or off: falling luma (EBU Tech. 3320; BT.471).
_BARS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))

_SMALLEST_LEAF = 2.0
# Times that the leaves cover the picture; e**-12 of it is left bare.
_LAYERS = 12
_LEAF_LEVELS = (32, 224)


def flat(size: int, colour: tuple[int, int, int]) -> Frames:
    """One colour: size x size x 3."""
    return np.full((size, size, 3), colour, np.uint8)


def zone_plate(size: int) -> Frames:
    """Grey rings whose frequency grows from 0 in the middle to 1/2 cycles/pixel at the sides: size x size x 3.

    128 + 100 cos(phase), where the phase at a distance of r pixels from the middle is pi r^2 / size, so that the
    frequency there is r / size cycles/pixel.

    Source:
        Drewery, "The zone plate as a television test pattern", BBC Research Department Report 1978/23.
    """
    rings = np.rint(GREY + ZONE_PLATE_AMPLITUDE * np.cos(zone_plate_phase(size)))
    return np.repeat(rings.astype(np.uint8)[..., None], 3, axis=2)


def zone_plate_phase(size: int) -> NDArray[np.float64]:
    """In radians: size x size."""
    across = np.arange(size) - (size - 1) / 2
    return np.pi / size * (across[:, None] ** 2 + across**2)


class Patch(NamedTuple):
    """A rectangle of one colour, in pixels."""

    top: int
    bottom: int
    left: int
    right: int
    colour: tuple[int, int, int]


@cache
def colour_patches(size: int) -> tuple[Patch, ...]:
    """Three rows of eight patches that fill size x size.

    The first row is colour bars 100/0/75/0: white at 255, the others with 191 for what is on and 0 for what is off.
    The second row has the same colours between 25 % and 75 % (64 and 191), which survive a wrong range unclipped. The
    third is a staircase of greys from 0 to 255.

    Source:
        Recommendation ITU-R BT.471-1; the bars that EBU Tech. 3320 calls 100/0/75/0.
    """
    rows = [
        [(255, 255, 255), *(_colour(bar, 0, _THREE_QUARTERS) for bar in _BARS[1:])],
        [_colour(bar, _QUARTER, _THREE_QUARTERS) for bar in _BARS],
        [(level, level, level) for level in np.rint(np.linspace(0, 255, len(_BARS))).astype(int).tolist()],
    ]
    down = np.linspace(0, size, len(rows) + 1).astype(int).tolist()
    across = np.linspace(0, size, len(_BARS) + 1).astype(int).tolist()
    return tuple(
        Patch(down[row], down[row + 1], across[column], across[column + 1], colour)
        for row, colours in enumerate(rows)
        for column, colour in enumerate(colours)
    )


def colour_bars(size: int) -> Frames:
    """The `colour_patches`, painted: size x size x 3."""
    image = flat(size, (0, 0, 0))
    for patch in colour_patches(size):
        image[patch.top : patch.bottom, patch.left : patch.right] = patch.colour
    return image


def edge(size: int, position: int) -> Frames:
    """Columns left of `position` at 191, the others at 64: size x size x 3."""
    columns = np.where(np.arange(size) < position, _THREE_QUARTERS, _QUARTER).astype(np.uint8)
    return np.broadcast_to(columns[None, :, None], (size, size, 3)).copy()


@cache
def dead_leaves(size: int, seed: int = 0) -> Frames:
    """Discs of random colours on top of each other, like a photograph in its edges and its spectrum: size x size x 3.

    Radii have a density that falls with r^-3 from 2 pixels to size / 4. Colours are a grey of 32 to 224 plus up to 32
    levels of its own in each channel. The picture is periodic, and is softened by (1 6 1) / 8 along both axes.

    Source:
        Lee, Mumford and Huang, "Occlusion models for natural images", IJCV 2001; Cao, Guichard and Hornung,
        "Measuring texture sharpness of a digital camera", Proc. SPIE 7250, 2009.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    largest = size / 4
    mean_area = 2 * np.pi * np.log(largest / _SMALLEST_LEAF) / (_SMALLEST_LEAF**-2 - largest**-2)
    leaves = int(_LAYERS * size**2 / mean_area)
    shares = random.random(leaves)
    radii = (_SMALLEST_LEAF**-2 - shares * (_SMALLEST_LEAF**-2 - largest**-2)) ** -0.5
    centres = random.integers(0, size, (leaves, 2))
    colours = np.clip(random.integers(*_LEAF_LEVELS, (leaves, 1)) + random.integers(-32, 33, (leaves, 3)), 0, 255)
    image = flat(size, (GREY, GREY, GREY)).astype(np.int64)
    for radius, (y, x), colour in zip(radii.tolist(), centres.tolist(), colours, strict=True):
        offsets = np.arange(-int(radius), int(radius) + 1)
        inside = offsets[:, None] ** 2 + offsets**2 <= radius**2
        rows, columns = np.nonzero(inside)
        image[(y + offsets[rows]) % size, (x + offsets[columns]) % size] = colour
    for axis in (0, 1):
        image = np.roll(image, 1, axis) + 6 * image + np.roll(image, -1, axis)
    return ((image + 32) // 64).astype(np.uint8)


def pan(image: Frames, frames: int, speed: tuple[int, int]) -> Frames:
    """A periodic image that moves by `speed` = (down, right) pixels a frame: T x H x W x 3."""
    down, right = speed
    return np.stack([np.roll(image, (down * t, right * t), (0, 1)) for t in range(frames)])


def white_noise(frames: int, size: int, deviation: float, seed: int = 0) -> Frames:
    """Gaussian noise around 128, independent between frames, pixels and channels: frames x size x size x 3."""
    random = np.random.Generator(np.random.PCG64(seed))
    values = GREY + deviation * random.standard_normal((frames, size, size, 3), np.float32)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _colour(bar: tuple[int, int, int], off: int, on: int) -> tuple[int, int, int]:
    red, green, blue = (on if switch else off for switch in bar)
    return red, green, blue
