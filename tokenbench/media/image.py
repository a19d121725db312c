"""Photographs: 8-bit RGB in, upright, whatever the file holds; lossless PNG out."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps, PngImagePlugin

from tokenbench.errors import ClipError
from tokenbench.files import write_bytes
from tokenbench.media.limits import PIXELS, refuse_absurd_size, refuse_special_file
from tokenbench.media.member import Member

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"})

# EXIF orientations that swap height and width (CIPA DC-008, 4.6.4 A).
_QUARTER_TURNS = (5, 6, 7, 8)
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")

# What files with those suffixes hold. Pillow knows many others, of which EPS starts Ghostscript, and tells them by
# their content, whatever they are called.
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "AVIF")

# Images that Pillow only warns of are refused here, since they are larger than that.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def read_image(path: Path | Member) -> NDArray[np.uint8]:
    """An image as uint8 H x W x 3 RGB, upright, as `rgb_pixels` gives it.

    Raises:
        ClipError: the file is missing, unreadable, no image, or too large.
    """
    with open_image(path) as image:
        return rgb_pixels(image)


def image_size(path: Path | Member) -> tuple[int, int]:
    """`(height, width)` as displayed, mostly from the header alone.

    Raises:
        ClipError: as `read_image`.
    """
    with open_image(path) as image:
        if image.format == "TIFF":
            image.load()  # turns the picture and forgets its orientation
        width, height = image.size
        return (width, height) if exif_orientation(image) in _QUARTER_TURNS else (height, width)


@contextmanager
def open_image(path: Path | Member) -> Iterator[ImageFile.ImageFile]:
    """An image with its header read; what fails in the block, such as decoding, is a ClipError that names the file.

    Raises:
        ClipError: the file is missing, unreadable, no image, or declares more than `limits.PIXELS`.
    """
    refuse_special_file(path)
    # Pillow refuses what has more than twice as many.
    Image.MAX_IMAGE_PIXELS = PIXELS.value
    try:
        content = path if isinstance(path, Path) else io.BytesIO(path.read_bytes())
        with Image.open(content, formats=IMAGE_FORMATS) as image:
            refuse_absurd_size(path, image.height, image.width)
            yield image
    except FileNotFoundError as error:
        raise ClipError(f"{path}: no such file; check the path") from error
    except PermissionError as error:
        raise ClipError(f"{path}: permission denied; make the file readable") from error
    except Image.DecompressionBombError as error:
        raise ClipError(f"{path}: declares {PIXELS.advice}") from error
    except ClipError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ClipError(f"{path}: not a readable image ({reason}); replace the file") from error


def rgb_pixels(image: Image.Image, *, upright: bool = True) -> NDArray[np.uint8]:
    """An opened image as uint8 H x W x 3 RGB.

    Grey becomes three equal channels, 16-bit grey is rounded to 8 bits, palettes and CMYK are converted, and alpha is
    dropped, as PIL's `convert("RGB")` does it.

    Args:
        image: of `open_image`.
        upright: apply the EXIF orientation. Pillow itself applies that of a TIFF file, whatever is asked for.

    Raises:
        ValueError: it has values of neither 8 nor 16 bits.
    """
    picture = ImageOps.exif_transpose(image) if upright else image
    if picture.mode in _SIXTEEN_BIT_MODES:
        return _from_sixteen_bit(np.asarray(picture))
    if picture.mode == "F":
        raise ValueError("floating-point values, expected 8 or 16 bits")
    return np.array(picture.convert("RGB"))


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation of an opened image, 1 to 8 (CIPA DC-008, 4.6.4 A); 1, upright, where none is stated."""
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in range(1, 9) else 1


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
