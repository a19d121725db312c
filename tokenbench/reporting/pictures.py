"""Sample frames for the page: original, reconstruction and error, small enough to travel inside of it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cache

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tokenbench.reporting.runs import Sample

ERROR_GAIN = 8
ERROR_COLOURS = "inferno"
MAX_WIDTH = 640
# That samples may have; Pillow knows others, which start programs.
_FORMATS = ("PNG", "JPEG", "WEBP")
_WEBP_QUALITY = 90
# A third of the time of the default, for files that are 2 % larger (photographs of 640 x 360).
_WEBP_METHOD = 2


@dataclass(frozen=True)
class Picture:
    """A WebP file, in memory."""

    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/webp;base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True)
class Comparison:
    """A sample's pictures, or the reason why there are none."""

    original: Picture | None = None
    reconstruction: Picture | None = None
    error: Picture | None = None
    problem: str = ""


def compare(sample: Sample) -> Comparison:
    """Pictures of a sample; a lost or damaged file is named instead, so that the rest is still reported."""
    pixels = []
    for path in (sample.reference, sample.reconstruction):
        try:
            with Image.open(path, formats=_FORMATS) as image:
                pixels.append(np.asarray(image.convert("RGB")))
        except FileNotFoundError:
            return Comparison(problem=f"{path.name} is missing from the run's folder")
        except Exception:  # damaged files make Pillow raise nearly anything
            return Comparison(problem=f"{path.name} is not a picture that can be read")
    reference, reconstruction = pixels
    if reference.shape != reconstruction.shape:
        first, second = (f"{pixel.shape[1]} x {pixel.shape[0]}" for pixel in pixels)
        return Comparison(problem=f"original ({first}) and reconstruction ({second}) differ in size")
    return Comparison(
        original=_picture(Image.fromarray(reference)),
        reconstruction=_picture(Image.fromarray(reconstruction)),
        error=_picture(error_picture(reference, reconstruction)),
    )


def error_map(reference: NDArray[np.uint8], reconstruction: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`|reference - reconstruction|`, mean over the channels.

    Args:
        reference: `H x W x 3`, 0 to 255.
        reconstruction: like it.

    Returns:
        `H x W`, 0 to 255.
    """
    difference = np.abs(reference.astype(np.float32) - reconstruction.astype(np.float32))
    return difference.mean(axis=2, dtype=np.float32)


def error_picture(reference: NDArray[np.uint8], reconstruction: NDArray[np.uint8]) -> Image.Image:
    """The error, scaled down like the other pictures, then amplified by `ERROR_GAIN` and coloured.

    Amplified last: clipping before the mean over pixels would hide the strongest errors.
    """
    scaled = _scaled(Image.fromarray(error_map(reference, reconstruction)), Image.Resampling.BOX)
    levels = np.clip(np.rint(np.asarray(scaled) * ERROR_GAIN), 0, 255).astype(np.uint8)
    return Image.fromarray(_palette()[levels])


def error_scale(steps: int = 9) -> list[str]:
    """CSS colours from no error to 255 / ERROR_GAIN levels and more, for a legend."""
    indices = np.linspace(0, 255, steps).round().astype(int)
    return ["#{:02x}{:02x}{:02x}".format(*_palette()[index]) for index in indices]


@cache
def _palette() -> NDArray[np.uint8]:
    colours = matplotlib.colormaps[ERROR_COLOURS](np.arange(256), bytes=True)
    return np.asarray(colours, dtype=np.uint8)[:, :3]


def _scaled(image: Image.Image, resampling: Image.Resampling) -> Image.Image:
    if image.width <= MAX_WIDTH:
        return image
    return image.resize((MAX_WIDTH, max(1, round(image.height * MAX_WIDTH / image.width))), resampling)


def _picture(image: Image.Image) -> Picture:
    image = _scaled(image, Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, format="WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
    return Picture(data.getvalue(), image.width, image.height)
