"""What is done to each photograph of a benchmark: the presets of the field, or nothing."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFile

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.files import write_bytes
from tokenbench.media.clip import Clip
from tokenbench.media.image import exif_orientation, open_image, png_bytes, rgb_pixels
from tokenbench.media.limits import PIXELS

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Pillow's modes with more than 8 bits, and what its 8-bit modes call 16-bit samples in a file.
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")
_DEEP_SAMPLES = ";16"

# Formats of the data sets, whose files are kept as they are where nothing is done to their pixels.
_KEPT = {"JPEG": ".jpg", "PNG": ".png"}


@dataclass(frozen=True, kw_only=True)
class ImagePreparation:
    """The part of a build protocol that decides a photograph's pixels.

    The defaults change nothing: the image is upright, in its own size.

    Args:
        short_side: pixels that the short side is resized to, up or down, with Pillow; 0 keeps the size.
        crop: side of the square that is cut from the middle of a resized image; 0 keeps all.
        filter: that resizes.
        arithmetic: whose rounding. "torchvision" truncates the long side and rounds the margins of the crop
            (`Resize` and `CenterCrop`); "adm" halves the image with a box filter as long as its short side is at
            least twice `short_side`, rounds the long side and truncates the margins (`center_crop_arr` of
            guided-diffusion, the code of Dhariwal and Nichol 2021, "Diffusion Models Beat GANs on Image Synthesis").
        upright: apply the EXIF orientation, as viewers do and training pipelines do not.
        strict: refuse what has no one way to 8-bit RGB: alpha, and more than 8 bits.

    Raises:
        TokenBenchError: the crop is larger than the short side.
    """

    short_side: int = 0
    crop: int = 0
    filter: Literal["bilinear", "bicubic", "lanczos"] = "bicubic"
    arithmetic: Literal["torchvision", "adm"] = "torchvision"
    upright: bool = True
    strict: bool = False

    def __post_init__(self) -> None:
        if self.crop > self.short_side:
            raise TokenBenchError(f"a crop of {self.crop} needs a short_side of as much, got {self.short_side}")


def _square(size: int, short_side: int, kind: Literal["bilinear", "bicubic", "lanczos"]) -> ImagePreparation:
    return ImagePreparation(short_side=short_side, crop=size, filter=kind, upright=False, strict=True)


def _adm(size: int) -> ImagePreparation:
    return ImagePreparation(short_side=size, crop=size, arithmetic="adm", upright=False, strict=True)


# By their users: LlamaGen, DC-AE and the FID of diffusion models; TiTok; Open-MAGVIT2 and BSQ-ViT; BSQ-ViT's option;
# VAR, which resizes to 1.125 times the crop.
IMAGE_PRESETS = {
    "native": ImagePreparation(),
    "adm-crop-256": _adm(256),
    "adm-crop-384": _adm(384),
    "adm-crop-512": _adm(512),
    "resize-crop-256-bicubic": _square(256, 256, "bicubic"),
    "resize-crop-256-bilinear": _square(256, 256, "bilinear"),
    "resize-crop-256-lanczos": _square(256, 256, "lanczos"),
    "var-256": _square(256, 288, "lanczos"),
}


def image_preset(name: str) -> ImagePreparation:
    """A preset by its name.

    Raises:
        TokenBenchError: there is none of that name.
    """
    if name not in IMAGE_PRESETS:
        near = difflib.get_close_matches(name, IMAGE_PRESETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(IMAGE_PRESETS)}"
        raise TokenBenchError(f"no image preset {name!r}: {hint}")
    return IMAGE_PRESETS[name]


@dataclass(frozen=True, kw_only=True)
class PreparedImage:
    """What became of a photograph.

    Args:
        height: of the result.
        width: of the result.
        source_height: as stored, before any turn.
        source_width: the same.
        source_format: by Pillow's name, found from the file's content: "JPEG".
        source_mode: Pillow's: "RGB", "L" for grey, "CMYK".
        orientation: that the source's EXIF data state, 1 for upright.
        turned: whether the result was turned by it.
        copied: whether the file was kept as it is.
        frames_sha256: of the result's pixels, uint8 H x W x 3 RGB, row by row.
    """

    height: int
    width: int
    source_height: int
    source_width: int
    source_format: str
    source_mode: str
    orientation: int
    turned: bool
    copied: bool
    frames_sha256: str


def prepare_image(clip: Clip, preparation: ImagePreparation, stem: Path) -> tuple[Path, PreparedImage]:
    """Write a photograph, prepared, whole or not at all; the same bytes each time.

    A JPEG or PNG file of 8-bit RGB of which nothing is changed is kept byte for byte; everything else becomes a PNG
    file of 8-bit RGB.

    Args:
        clip: the photograph.
        preparation: what is done to it.
        stem: path of the result without its suffix, which follows from what the file holds.

    Returns:
        The path of the result, and what became of the photograph.

    Raises:
        ClipError: the image cannot be read, is refused by a strict preparation, or would become too large.
        OutputError: the result cannot be written.
    """
    with open_image(clip.content) as image:
        source_format, source_mode, (source_width, source_height) = image.format or "", image.mode, image.size
        impure = _impurity(image)
        orientation = exif_orientation(image)
        if preparation.strict and impure:
            raise ClipError(f"{clip.content}: has {impure}; convert the file to 8-bit RGB, or use the preset 'native'")
        # Pillow turns a TIFF file itself.
        turned = orientation != 1 and (preparation.upright or source_format == "TIFF")
        untouched = not (preparation.short_side or turned or impure) and source_mode == "RGB" and source_format in _KEPT
        content = clip.content.read_bytes() if untouched else b""
        pixels = rgb_pixels(image, upright=preparation.upright)
    if preparation.short_side:
        pixels = np.asarray(_resized(Image.fromarray(pixels), preparation, clip))
    suffix = _KEPT[source_format] if untouched else ".png"
    out = stem.with_name(f"{stem.name}{suffix}")
    write_bytes(out, content or png_bytes(pixels))
    return out, PreparedImage(
        height=pixels.shape[0],
        width=pixels.shape[1],
        source_height=source_height,
        source_width=source_width,
        source_format=source_format,
        source_mode=source_mode,
        orientation=orientation,
        turned=turned,
        copied=untouched,
        frames_sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
    )


def _impurity(image: ImageFile.ImageFile) -> str:
    """What 8-bit RGB cannot hold of an opened, not yet decoded image; nothing where it can."""
    if image.mode in _DEEP_MODES or any(_DEEP_SAMPLES in str(tile.args) for tile in image.tile):
        return "more than 8 bits a channel"
    return "an alpha channel" if image.has_transparency_data else ""


def _resized(image: Image.Image, preparation: ImagePreparation, clip: Clip) -> Image.Image:
    """The image resized, and cut where a crop is asked for."""
    size, adm = preparation.short_side, preparation.arithmetic == "adm"
    while adm and min(image.size) >= 2 * size:
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    short = min(image.size)
    width, height = (round(side * (size / short)) if adm else size * side // short for side in image.size)
    if width * height > PIXELS.value:
        raise ClipError(f"{clip.content}: resized to {width} x {height} it is too large; leave the image out")
    image = image.resize((width, height), _FILTERS[preparation.filter])
    if not preparation.crop:
        return image
    left, top = ((side - preparation.crop) / 2 for side in image.size)
    left, top = (int(left), int(top)) if adm else (round(left), round(top))
    return image.crop((left, top, left + preparation.crop, top + preparation.crop))
