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


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("tif", {}), ("webp", {"lossless": True})])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(
    orientation: int, suffix: str, options: dict[str, bool], photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(photo).save(path, exif=exif, **options)
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
    assert np.array_equal(read(path), turned[orientation])


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_an_orientation_that_does_not_exist_changes_nothing(
    orientation: int, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(photo).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read(tmp_path / "a.png"), photo)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "YCbCr"])
def test_other_colour_models_become_rgb(mode: str, photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png")
    image = Image.fromarray(photo).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo[..., 0]))
    image.save(path)
    expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read(path), expected)
    if mode == "RGBA":
        assert np.array_equal(read(path), photo), "alpha is dropped, not blended"


def test_a_jpeg_in_cmyk_or_grey_is_pils(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    for mode in ("CMYK", "L"):
        path = tmp_path / f"{mode}.jpg"
        Image.fromarray(photo).convert(mode).save(path, quality=95)
        assert np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))
        grey = np.asarray(Image.fromarray(photo).convert("L")).astype(int)
        assert np.abs(read(path).mean(-1) - grey).mean() < 8, "not its negative"


def test_sixteen_bits_of_grey_are_rounded_to_eight(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65406, 65407, 65535]], np.uint16)
    expected = np.floor(values / 257 + 0.5)
    for name, stored in (("a.png", values), ("a.tif", values), ("big.tif", values.astype(">u2")), ("i.tif", values)):
        Image.fromarray(stored.astype(np.int32) if name == "i.tif" else stored).save(tmp_path / name)
        assert np.array_equal(read(tmp_path / name), np.repeat(expected[..., None], 3, -1)), name
    assert np.array_equal(expected[0], [0, 0, 1, 1, 128, 254, 255, 255])


@pytest.mark.parametrize("values", [np.float32([[0.25]]), np.int32([[65536]]), np.int32([[-1]])])
def test_values_of_another_range_are_refused(values: NDArray[np.generic], tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ClipError, match="expected 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "ppm"])
def test_damaged_images_raise_nothing_but_a_clip_error(suffix: str, photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(photo).save(path)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    generator = np.random.default_rng(0)
    refused = 0
    for trial in range(60):
        spoiled = content.copy()
        spoiled[generator.integers(0, (40, content.size)[trial % 2], 3)] = generator.integers(0, 256, 3)
        path.write_bytes(spoiled[: generator.integers(1, content.size) if trial % 5 == 0 else None].tobytes())
        for look in (read_image, image_size):
            try:
                look(path)
            except ClipError as error:
                refused += 1
                assert "\n" not in str(error)  # noqa: PT017
    assert refused > 10


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
