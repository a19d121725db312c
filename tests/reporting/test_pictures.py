"""The error picture shows the error."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tokenbench.reporting.pictures import MAX_WIDTH, Comparison, compare, error_map, error_picture, error_scale
from tokenbench.reporting.runs import Sample

COLOURS = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in error_scale(256)]


def frame(*pixels: tuple[int, int, int], width: int = 4, height: int = 2) -> NDArray[np.uint8]:
    """A frame of one colour after the other, in equal columns."""
    columns = np.repeat(np.array(pixels, np.uint8), width // len(pixels), axis=0)
    return np.broadcast_to(columns, (height, width, 3)).copy()


def sample(folder: Path, reference: NDArray[np.uint8], reconstruction: NDArray[np.uint8]) -> Sample:
    paths = folder / "reference.png", folder / "reconstruction.png"
    for path, pixels in zip(paths, (reference, reconstruction), strict=True):
        Image.fromarray(pixels).save(path)
    return Sample("worst", "clip", "video", 0, 30.0, *paths)


def decoded(comparison: Comparison) -> list[Image.Image]:
    pictures = (comparison.original, comparison.reconstruction, comparison.error)
    texts = [picture.uri.removeprefix("data:image/webp;base64,") for picture in pictures if picture]
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in texts]


def test_error_is_the_mean_over_channels_either_way() -> None:
    first, second = frame((10, 20, 30), (0, 0, 255)), frame((13, 14, 30), (255, 255, 0))
    expected = [[3.0, 3.0, 255.0, 255.0]] * 2
    assert error_map(first, second).tolist() == error_map(second, first).tolist() == expected


def test_error_is_amplified_eightfold_and_coloured() -> None:
    reference = frame((0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0))
    reconstruction = frame((0, 0, 0), (3, 0, 0), (10, 10, 10), (200, 200, 200))
    picture = error_picture(reference, reconstruction)
    row = [picture.getpixel((x, 0)) for x in range(4)]
    assert row == [COLOURS[0], COLOURS[8], COLOURS[80], COLOURS[255]]


def test_error_is_computed_before_scaling() -> None:
    """Errors of +8 and -8 in neighbouring pixels would cancel in scaled pictures."""
    reference = np.full((4, 2 * MAX_WIDTH, 3), 100, np.uint8)
    reconstruction = reference.copy()
    reconstruction[:, ::2] += 8
    reconstruction[:, 1::2] -= 8
    picture = error_picture(reference, reconstruction)
    assert picture.size == (MAX_WIDTH, 2)
    assert set(map(tuple, np.asarray(picture).reshape(-1, 3).tolist())) == {COLOURS[64]}


def test_pictures_are_scaled_and_decode(tmp_path: Path) -> None:
    wide = frame((200, 40, 40), width=2 * MAX_WIDTH, height=100)
    pictures = decoded(compare(sample(tmp_path, wide, wide)))
    assert [picture.size for picture in pictures] == [(MAX_WIDTH, 50)] * 3
    assert np.abs(np.asarray(pictures[0], int)[25, 320] - [200, 40, 40]).max() <= 4


def test_small_pictures_keep_their_size(tmp_path: Path) -> None:
    small = frame((9, 9, 9), width=32, height=16)
    assert [picture.size for picture in decoded(compare(sample(tmp_path, small, small)))] == [(32, 16)] * 3


def test_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    one = sample(tmp_path, frame((1, 2, 3), (4, 5, 6)), frame((1, 2, 3), (9, 9, 9)))
    assert compare(one) == compare(one)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.unlink(), "reconstruction.png is missing from the run's folder"),
        (lambda path: path.write_bytes(b"no picture"), "reconstruction.png is not a picture that can be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "is not a picture that can be read"),
        (lambda path: Image.new("RGB", (8, 2)).save(path), r"original (4 x 2) and reconstruction (8 x 2) differ"),
    ],
)
def test_a_bad_picture_is_named_instead(spoil: object, problem: str, tmp_path: Path) -> None:
    broken = sample(tmp_path, frame((1, 2, 3)), frame((1, 2, 3)))
    spoil(broken.reconstruction)  # type: ignore[operator]
    comparison = compare(broken)
    assert problem in comparison.problem
    assert comparison.original is None
