"""Photographs, prepared as the field does it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
import tarfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from skimage import data
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

from tokenbench.datasets.building.images import (
    IMAGE_PRESETS,
    ImagePreparation,
    PreparedImage,
    image_preset,
    prepare_image,
)
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.image import read_image

CROPS = sorted(IMAGE_PRESETS.keys() - {"native"})

# A photograph of 300 x 451, and odd cuts of it: upright, flat, square, smaller than any crop, 4:1.
SIZES = [(300, 451), (299, 211), (257, 257), (97, 131), (64, 256)]


@pytest.fixture(scope="module")
def cat() -> NDArray[np.uint8]:
    return np.asarray(data.chelsea())


def photo(path: Path) -> Clip:
    return Clip(id=path.name, domain="photo", path=path, kind="image")


def prepare(path: Path, preset: str, out: Path) -> tuple[Path, PreparedImage]:
    made, prepared = prepare_image(photo(path), IMAGE_PRESETS[preset], out / path.name)
    pixels = read_image(made)
    assert pixels.shape == (prepared.height, prepared.width, 3)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == prepared.frames_sha256
    assert json.loads(json.dumps(asdict(prepared))) == asdict(prepared)
    return made, prepared


def adm(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Halve by means of 2 x 2 pixels, then bicubic, then the middle."""
    values = np.asarray(image)
    while min(values.shape[:2]) // 2 >= size:
        height, width = values.shape[0] // 2, values.shape[1] // 2
        if values.shape[0] % 2 or values.shape[1] % 2:
            values = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BOX))
        else:
            sums = values.reshape(height, 2, width, 2, 3).sum((1, 3), dtype=np.int64)
            values = ((sums + 2) // 4).astype(np.uint8)
    scale = size / min(values.shape[:2])
    height, width = (round(side * scale) for side in values.shape[:2])
    values = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - size) // 2, (width - size) // 2
    return values[top : top + size, left : left + size]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("preset", CROPS)
def test_crops_are_those_of_the_tools_that_they_are_named_for(
    preset: str, size: tuple[int, int], cat: NDArray[np.uint8], tmp_path: Path
) -> None:
    image = Image.fromarray(cat[: size[0], : size[1]])
    image.save(tmp_path / "a.png")
    made, prepared = prepare(tmp_path / "a.png", preset, tmp_path / "out")
    side = int(preset.split("-")[2 if "crop" in preset else 1])
    if preset.startswith("adm"):
        expected = adm(image, side)
    else:
        name = preset.rsplit("-", 1)[1]
        filter_ = InterpolationMode(name if "crop" in preset else "lanczos")
        resized = Resize(side * 9 // 8 if preset == "var-256" else side, filter_)(image)
        expected = np.asarray(CenterCrop(side)(resized))
    assert np.array_equal(read_image(made), expected)
    assert (prepared.height, prepared.width) == (side, side)
    assert (prepared.source_height, prepared.source_width) == size
    assert not prepared.copied


def test_adm_halves_large_images_before_it_resizes_them(cat: NDArray[np.uint8], tmp_path: Path) -> None:
    image = Image.fromarray(np.tile(cat, (4, 3, 1))[:1101, :1302])
    image.save(tmp_path / "a.png", compress_level=1)
    made, _ = prepare(tmp_path / "a.png", "adm-crop-256", tmp_path / "out")
    assert np.array_equal(read_image(made), adm(image, 256))
    plain = np.asarray(CenterCrop(256)(Resize(256, InterpolationMode.BICUBIC)(image)))
    assert not np.array_equal(read_image(made), plain)


def test_native_keeps_the_bytes_of_plain_images(cat: NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(cat).save(tmp_path / "a.JPEG", quality=90)
    Image.fromarray(cat[:57, :33]).save(tmp_path / "b.jpg", "PNG")
    for name, suffix in (("a.JPEG", ".JPEG.jpg"), ("b.jpg", ".jpg.png")):
        made, prepared = prepare(tmp_path / name, "native", tmp_path / "out")
        assert made.name == f"{name[0]}{suffix}", "by what the file holds"
        assert made.read_bytes() == (tmp_path / name).read_bytes()
        assert prepared.copied


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "LA", "RGBA", "I;16"])
def test_native_makes_plain_images_of_others(mode: str, cat: NDArray[np.uint8], tmp_path: Path) -> None:
    source = tmp_path / ("a.JPEG" if mode in ("L", "CMYK") else "a.png")
    if mode == "I;16":
        Image.fromarray(cat[..., 1].astype(np.uint16) * 257).save(source)
    else:
        Image.fromarray(cat).convert(mode).save(source)
    made, prepared = prepare(source, "native", tmp_path / "out")
    assert np.array_equal(read_image(made), read_image(source))
    with Image.open(made) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (451, 300))
    assert (prepared.copied, prepared.source_mode) == (False, mode)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_are_the_picture_and_not_its_negative(
    mode: str, cat: NDArray[np.uint8], tmp_path: Path
) -> None:
    Image.fromarray(cat).convert(mode).save(tmp_path / "a.JPEG", quality=95)
    made, prepared = prepare(tmp_path / "a.JPEG", "resize-crop-256-bicubic", tmp_path / "out")
    with Image.open(tmp_path / "a.JPEG") as image:
        expected = np.asarray(CenterCrop(256)(Resize(256, InterpolationMode.BICUBIC)(image.convert("RGB"))))
    pixels = read_image(made)
    assert np.array_equal(pixels, expected)
    assert (pixels[..., 0] == pixels[..., 2]).all() == (mode == "L")
    grey = CenterCrop(256)(Resize(256, InterpolationMode.BICUBIC)(Image.fromarray(cat).convert("L")))
    assert np.abs(pixels.mean(-1) - np.asarray(grey, float)).mean() < 8
    assert (prepared.source_format, prepared.source_mode) == ("JPEG", mode)


def test_orientation_is_applied_by_native_and_not_by_crops(cat: NDArray[np.uint8], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    source = tmp_path / "a.png"
    Image.fromarray(cat).save(source, exif=exif)
    made, prepared = prepare(source, "native", tmp_path / "native")
    assert np.array_equal(read_image(made), np.rot90(cat, -1))
    assert (prepared.orientation, prepared.turned, prepared.copied) == (6, True, False)
    assert (prepared.height, prepared.width, prepared.source_height, prepared.source_width) == (451, 300, 300, 451)
    made, prepared = prepare(source, "resize-crop-256-lanczos", tmp_path / "crop")
    lying = CenterCrop(256)(Resize(256, InterpolationMode.LANCZOS)(Image.fromarray(cat)))
    assert np.array_equal(read_image(made), np.asarray(lying))
    assert (prepared.orientation, prepared.turned) == (6, False)


def png(height: int, width: int, bits: int, rows: bytes) -> bytes:
    """Of any bits a channel and any declared size, which Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("preset", CROPS)
def test_crops_refuse_alpha_and_more_than_eight_bits(preset: str, cat: NDArray[np.uint8], tmp_path: Path) -> None:
    small = cat[:32, :40]
    for mode in ("LA", "RGBA"):
        Image.fromarray(small).convert(mode).save(tmp_path / f"{mode}.png")
    Image.fromarray(small).convert("P").save(tmp_path / "palette.png", transparency=3)
    Image.fromarray(small).save(tmp_path / "key.png", transparency=(1, 2, 3))
    Image.fromarray(small[..., 0].astype(np.uint16)).save(tmp_path / "grey16.png")
    (tmp_path / "colour16.png").write_bytes(
        png(32, 40, 16, b"".join(b"\0" + row.tobytes() for row in small.astype(">u2") * 257))
    )
    for path in sorted(tmp_path.glob("*.png")):
        trouble = "more than 8 bits a channel" if "16" in path.name else "an alpha channel"
        with pytest.raises(ClipError, match=f"{path.name}: has {trouble}; convert the file"):
            prepare(path, preset, tmp_path / "out")
        made, prepared = prepare(path, "native", tmp_path / "native")
        assert not prepared.copied
        assert np.array_equal(read_image(made), read_image(path))
    assert not (tmp_path / "out").exists()


def test_a_member_of_an_archive_is_prepared_as_its_file_is(cat: NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(cat).save(tmp_path / "a.JPEG")
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "a.JPEG", "val/a.JPEG")
    member = Clip(id="a", domain="photo", path=tmp_path / "all.tar", member="val/a.JPEG", kind="image")
    for preset in ("native", "var-256"):
        made, prepared = prepare(tmp_path / "a.JPEG", preset, tmp_path / "out")
        other, of_member = prepare_image(member, IMAGE_PRESETS[preset], tmp_path / "member" / "a")
        assert other.read_bytes() == made.read_bytes()
        assert of_member == prepared


@pytest.mark.parametrize("preset", IMAGE_PRESETS)
def test_two_runs_write_the_same_bytes(preset: str, cat: NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(cat[:, :210]).convert("L").save(tmp_path / "a.jpg")
    first, second = (prepare(tmp_path / "a.jpg", preset, tmp_path / run) for run in ("one", "two"))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[1] == second[1]


def test_a_preparation_without_a_crop_keeps_the_ratio(cat: NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(cat).save(tmp_path / "a.png")
    made, prepared = prepare_image(photo(tmp_path / "a.png"), ImagePreparation(short_side=101), tmp_path / "out")
    assert (prepared.height, prepared.width) == (101, math.floor(451 * 101 / 300))
    assert np.array_equal(read_image(made), np.asarray(Resize(101, InterpolationMode.BICUBIC)(Image.fromarray(cat))))


def test_what_cannot_be_prepared_is_one_line_and_leaves_nothing(cat: NDArray[np.uint8], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "text\n'-.jpg").write_text("hello")
    buffer = io.BytesIO()
    Image.fromarray(cat).save(buffer, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:5000])
    Image.new("L", (3, 40_000)).save(tmp_path / "thread.png")
    (tmp_path / "absurd.png").write_bytes(png(8192, 8193, 8, b""))
    (tmp_path / "bomb.png").write_bytes(png(2**31 - 1, 2**31 - 1, 8, b""))
    for name, trouble in (
        ("text\n'-.jpg", "not a readable image"),
        ("cut.jpg", "not a readable image"),
        ("thread.png", "resized to 256 x 3413333 it is too large"),
        ("absurd.png", "more than 67,108,864 pixels"),
        ("bomb.png", "more than 67,108,864 pixels"),
        ("missing.png", "no such file"),
    ):
        with pytest.raises(ClipError, match=trouble):
            prepare_image(photo(tmp_path / name), IMAGE_PRESETS["resize-crop-256-bicubic"], out / "a")
    assert not out.exists()


def test_presets_are_known_by_name() -> None:
    assert image_preset("var-256") == ImagePreparation(
        short_side=288, crop=256, filter="lanczos", upright=False, strict=True
    )
    with pytest.raises(TokenBenchError, match="did you mean 'adm-crop-256'"):
        image_preset("adm-256")
    with pytest.raises(TokenBenchError, match="needs a short_side"):
        ImagePreparation(crop=256)
