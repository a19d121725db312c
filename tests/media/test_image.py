from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.image import image_size, read_image, write_png


@pytest.fixture
def photo(mini: dict[str, Clip]) -> NDArray[np.uint8]:
    return next(mini["chelsea"].chunks(1))[0][:61, :83]


def read(path: Path) -> NDArray[np.uint8]:
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.shape == (*image_size(path), 3)
    return image


def test_png_is_lossless(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", photo)
    assert np.array_equal(read(tmp_path / "a.png"), photo)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, photo: NDArray[np.uint8], tmp_path: Path) -> None:
    image = Image.fromarray(photo)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    turned = {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.transpose(1, 0, 2),
        6: np.rot90(photo, -1),
        7: np.rot90(photo, 2).transpose(1, 0, 2),
        8: np.rot90(photo),
    }
    assert np.array_equal(read(tmp_path / "a.png"), turned[orientation])


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_other_colour_models_become_rgb(mode: str, photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image = Image.fromarray(photo).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo[..., 0]))
    image.save(path)
    expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read(path), expected)
    if mode == "RGBA":
        assert np.array_equal(read(path), photo), "alpha is dropped, not blended"


def test_sixteen_bits_of_grey_are_rounded_to_eight(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65406, 65407, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    expected = np.floor(values / 257 + 0.5)
    assert np.array_equal(read(tmp_path / "a.png")[..., 0], expected)
    assert np.array_equal(expected[0], [0, 0, 1, 1, 128, 254, 255, 255])


def test_what_is_no_image_is_named(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    write_png(tmp_path / "cut.png", photo)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:2000])
    for name in ("text.png", "empty.png", "cut.png"):
        with pytest.raises(ClipError, match=f"{name}: not a readable image"):
            read_image(tmp_path / name)
    with pytest.raises(ClipError, match="no such file"):
        read_image(tmp_path / "missing.png")
