"""From frames to a sample: resize to cover, crop, mirror, reverse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tokenbench_cosmos.training.data.draw import Draw
from tokenbench_cosmos.training.data.settings import DataSettings

# Pixels that the bicubic filter takes on each side, at scale 1.
_BICUBIC_REACH = 2


def video_sample(frames: NDArray[np.uint8], chance: Draw, settings: DataSettings) -> NDArray[np.uint8]:
    """A video sample, after the published training code.

    With probability `native` a crop of the frames as they are, reflected at their edges where they are too small. Else
    a crop of the frames resized (bicubic with antialiasing) to the drawn short side, or larger where that does not
    cover the sample. The published code covers a box by class of aspect ratio, of which the short side is nearly always
    the same.

    Args:
        frames: uint8 T x H x W x 3, may be a memory-mapped file: no more is read of it than the crop needs.
        chance: of the sample.
        settings: of the recipe.

    Returns:
        uint8 T x `height` x `width` x 3.
    """
    size = settings.height, settings.width
    return _sample(frames, chance, settings, size, settings.short_side)


def image_sample(image: NDArray[np.uint8], chance: Draw, settings: DataSettings, side: int) -> NDArray[np.uint8]:
    """An image sample, made as a video sample is.

    Args:
        image: uint8 1 x H x W x 3.
        chance: of the sample.
        settings: of the recipe.
        side: height and width of the sample.

    Returns:
        uint8 1 x `side` x `side` x 3.
    """
    return _sample(image, chance, settings, (side, side), settings.image_short_side)


def reduced_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """A frame's size when its short side is at most `short_side`; 0 sets no limit."""
    scale = short_side / min(height, width)
    return (round(height * scale), round(width * scale)) if 0 < scale < 1 else (height, width)


def resized(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Frames in another size, bicubic with antialiasing; the same array where they have it already.

    Args:
        frames: uint8 T x H x W x 3.
        height: of the result.
        width: of the result.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    return _resized_part(frames, (height, width), (0, 0), (height, width))


def _sample(
    frames: NDArray[np.uint8], chance: Draw, settings: DataSettings, size: tuple[int, int], sides: tuple[int, int]
) -> NDArray[np.uint8]:
    height, width = frames.shape[1:3]
    if chance.native < settings.native:
        whole = height, width
    else:
        side = sides[0] + int(chance.side * (sides[1] - sides[0] + 1))
        scale = max(side / min(height, width), size[0] / height, size[1] / width)
        whole = round(height * scale), round(width * scale)
    top, left = _offset(chance.top, whole[0], size[0]), _offset(chance.left, whole[1], size[1])
    part = min(whole[0], size[0]), min(whole[1], size[1])
    if whole == (height, width):
        sample = frames[:, top : top + part[0], left : left + part[1]]
    else:
        sample = _resized_part(frames, whole, (top, left), part)
    if part != size:
        sample = np.pad(sample, ((0, 0), _margins(part[0], size[0]), _margins(part[1], size[1]), (0, 0)), "reflect")
    if chance.flip < settings.flip:
        sample = sample[:, :, ::-1]
    if chance.reverse < settings.reverse:
        sample = sample[::-1]
    return sample


def _offset(chance: float, whole: int, part: int) -> int:
    return int(chance * (max(whole - part, 0) + 1))


def _margins(part: int, size: int) -> tuple[int, int]:
    missing = size - part
    return missing // 2, missing - missing // 2


def _resized_part(
    frames: NDArray[np.uint8], whole: tuple[int, int], offset: tuple[int, int], part: tuple[int, int]
) -> NDArray[np.uint8]:
    """A rectangle of the resized frames, from the pixels that it depends on.

    Args:
        frames: uint8 T x H x W x 3.
        whole: height and width of the resized frames.
        offset: top and left of the rectangle in them.
        part: height and width of the rectangle.
    """
    rows = _span(frames.shape[1], whole[0], offset[0], part[0])
    columns = _span(frames.shape[2], whole[1], offset[1], part[1])
    region = frames[:, rows[0] : rows[1], columns[0] : columns[1]]
    box = (columns[2] - columns[0], rows[2] - rows[0], columns[3] - columns[0], rows[3] - rows[0])
    result = np.empty((len(frames), *part, 3), np.uint8)
    for target, frame in zip(result, region, strict=True):
        image = Image.fromarray(np.ascontiguousarray(frame))
        target[:] = np.asarray(image.resize((part[1], part[0]), Image.Resampling.BICUBIC, box=box))
    return result


def _span(length: int, resized_length: int, offset: int, part: int) -> tuple[int, int, float, float]:
    """First and last pixel that a stretch of resized pixels depends on, and where it begins and ends between them."""
    scale = length / resized_length
    begin, end = offset * scale, (offset + part) * scale
    reach = _BICUBIC_REACH * max(scale, 1) + 1
    return max(0, int(begin - reach)), min(length, int(end + reach) + 1), begin, min(end, float(length))
