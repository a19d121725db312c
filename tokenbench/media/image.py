"""Photographs: 8-bit RGB in, upright, whatever the file holds; lossless PNG out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from tokenbench.errors import ClipError
from tokenbench.files import write_bytes
from tokenbench.media.member import Member

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"})

# EXIF orientations that swap height and width (CIPA DC-008, 4.6.4 A).
_QUARTER_TURNS = (5, 6, 7, 8)
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")


def read_image(path: Path | Member) -> NDArray[np.uint8]:
    """An image as uint8 H x W x 3 RGB.

    EXIF orientation is applied; grey becomes three equal channels, 16-bit grey is rounded to 8 bits, palettes and
    CMYK are converted, and alpha is dropped, as PIL's `convert("RGB")` does it.

    Raises:
        ClipError: the file is missing, unreadable, or no image.
    """
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in _SIXTEEN_BIT_MODES:
            return _from_sixteen_bit(np.asarray(upright))
        if upright.mode == "F":
            raise ValueError("floating-point values, expected 8 or 16 bits")
        return np.array(upright.convert("RGB"))


def image_size(path: Path | Member) -> tuple[int, int]:
    """`(height, width)` as displayed, mostly from the header alone.

    Raises:
        ClipError: as `read_image`.
    """
    with _opened(path) as image:
        if image.format == "TIFF":
            image.load()  # turns the picture and forgets its orientation
        width, height = image.size
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _QUARTER_TURNS
        return (width, height) if turned else (height, width)


def png_bytes(image: NDArray[np.uint8], comment: str = "") -> bytes:
    """A uint8 H x W x 3 image as PNG, with a comment where there is one (`tokenbench.media.comment` reads it)."""
    chunks = PngImagePlugin.PngInfo()
    if comment:
        chunks.add_text("Comment", comment)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=3, pnginfo=chunks)
    return buffer.getvalue()


def write_png(path: Path, image: NDArray[np.uint8], comment: str = "") -> None:
    """Write a uint8 H x W x 3 image, losslessly, whole or not at all."""
    write_bytes(path, png_bytes(image, comment))


def _from_sixteen_bit(grey: NDArray[np.integer]) -> NDArray[np.uint8]:
    if grey.min() < 0 or grey.max() > 65535:
        raise ValueError(f"values from {grey.min()} to {grey.max()}, expected 8 or 16 bits")
    rounded = (grey.astype(np.uint32) * 255 + 32767) // 65535
    return np.repeat(rounded.astype(np.uint8)[..., None], 3, axis=-1)


@contextmanager
def _opened(path: Path | Member) -> Iterator[Image.Image]:
    try:
        with Image.open(path if isinstance(path, Path) else io.BytesIO(path.read_bytes())) as image:
            yield image
    except FileNotFoundError as error:
        raise ClipError(f"{path}: no such file; check the path") from error
    except PermissionError as error:
        raise ClipError(f"{path}: permission denied; make the file readable") from error
    except ClipError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ClipError(f"{path}: not a readable image ({reason}); replace the file") from error
