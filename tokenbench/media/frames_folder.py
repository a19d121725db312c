"""A video that lies on the disk as a folder of numbered images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.media.image import IMAGE_SUFFIXES, image_size, read_image


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder in the order of their numbers, which follow each other without a gap.

    Raises:
        ClipError: the folder is missing or unreadable, holds no images, a name is no number, or one is missing.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise ClipError(f"{folder}: {error.strerror}; give a folder of numbered images") from error
    if not files:
        raise ClipError(f"{folder}: holds no images; unpack its archive again")
    for path in files:
        if not (path.stem.isascii() and path.stem.isdigit()):
            raise ClipError(f"{path}: the name of a frame must be its number; move other files away")
    files.sort(key=lambda path: int(path.stem))
    for number, path in enumerate(files, start=int(files[0].stem)):
        if int(path.stem) != number:
            raise ClipError(f"{folder}: frame {number:05d} is missing before {path.name}; unpack its archive again")
    return files


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
