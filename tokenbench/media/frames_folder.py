"""A video that lies on the disk as a folder of numbered images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.media.image import IMAGE_SUFFIXES, image_size, read_image

_NAME = re.compile(r"(?:im_)?(\d+)", re.ASCII)


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder in the order of their numbers, which follow each other without a gap.

    A frame's name is its number, with zeros in front or not, alone or behind "im_" (BridgeData).

    Raises:
        ClipError: the folder is missing or unreadable, holds no images, a name is no number, or one is missing.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise ClipError(f"{folder}: {error.strerror}; give a folder of numbered images") from error
    if not files:
        raise ClipError(f"{folder}: holds no images; unpack its archive again")
    numbered = sorted((_number(path), path) for path in files)
    for expected, (number, path) in enumerate(numbered, start=numbered[0][0]):
        if number != expected:
            raise ClipError(f"{folder}: frame {expected} is missing before {path.name}; unpack its archive again")
    return [path for _, path in numbered]


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ClipError(f"{path}: the name of a frame must be its number; move other files away")
    return int(match[1])


def probe_frames(folder: Path) -> tuple[int, int, int]:
    """Frames, height and width; the size is that of the first frame.

    Raises:
        ClipError: as `frame_files`, or the first frame cannot be read.
    """
    files = frame_files(folder)
    return (len(files), *image_size(files[0]))


def read_frames(folder: Path, size: int, *, frames: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """The frames, uint8 T x H x W x 3 with T <= `size`, at most `frames` in all.

    Raises:
        ClipError: as `frame_files`, a frame cannot be read, or the frames' size changes.
    """
    files = frame_files(folder)[:frames]
    shape: tuple[int, ...] | None = None
    for start in range(0, len(files), size):
        images = []
        for path in files[start : start + size]:
            image = read_image(path)
            shape = shape or image.shape
            if image.shape != shape:
                raise ClipError(
                    f"{path}: is {image.shape[1]} x {image.shape[0]}, the frames before it are {shape[1]} x {shape[0]};"
                    " unpack its archive again"
                )
            images.append(image)
        yield np.stack(images)
