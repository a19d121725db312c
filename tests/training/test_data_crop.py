"""Crops: sizes, scales, edges, against the whole frame resized at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tokenbench_cosmos.training.data.crop import image_sample, reduced_size, resized, video_sample
from tokenbench_cosmos.training.data.draw import Draw
from tokenbench_cosmos.training.data.settings import DataSettings

SETTINGS = DataSettings(
    sources=("none",), frames=3, height=48, width=64, short_side=(72, 100), flip=0, reverse=0, native=0
)
MIDDLE = Draw(which=0, native=0.5, side=0.5, top=0.5, left=0.5, flip=0.5, reverse=0.5)


def whole_resized(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Every frame as Pillow resizes the whole of it."""
    size = width, height
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)) for frame in frames])


def furthest(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    return int(np.abs(first.astype(int) - second.astype(int)).max())


@pytest.mark.parametrize(("side", "height", "width"), [(0.0, 72, 88), (0.999, 100, 122)])
@pytest.mark.parametrize(("top", "left"), [(0.0, 0.0), (0.5, 0.3), (0.999, 0.999)])
def test_a_crop_is_the_crop_of_the_resized_frame(
    carphone: NDArray[np.uint8], side: float, height: int, width: int, top: float, left: float
) -> None:
    frames = carphone[:3]
    sample = video_sample(frames, replace(MIDDLE, side=side, top=top, left=left), SETTINGS)
    row, column = int(top * (height - 48 + 1)), int(left * (width - 64 + 1))
    expected = whole_resized(frames, height, width)[:, row : row + 48, column : column + 64]
    # The filter's weights are rounded, from positions that are counted from another origin.
    assert furthest(sample, expected) <= 1


def test_frames_are_made_larger_until_they_cover_the_sample(carphone: NDArray[np.uint8]) -> None:
    large = replace(SETTINGS, height=192, width=160, short_side=(10, 10))
    sample = video_sample(carphone[:2], replace(MIDDLE, left=0.0), large)
    assert sample.shape == (2, 192, 160, 3)
    # 144 x 176 grows to a height of 192.
    assert furthest(sample, whole_resized(carphone[:2], 192, round(176 * 192 / 144))[:, :, :160]) <= 1


def test_native_crops_of_small_frames_are_reflected_at_their_edges(carphone: NDArray[np.uint8]) -> None:
    small = carphone[:2, :30, :70]
    sample = video_sample(small, replace(MIDDLE, left=0.0), replace(SETTINGS, native=1))
    expected = np.concatenate([small[:, 9:0:-1], small, small[:, 28:19:-1]], axis=1)[:, :, :64]
    assert np.array_equal(sample, expected)


def test_native_is_drawn_with_its_probability(carphone: NDArray[np.uint8]) -> None:
    tenth = replace(SETTINGS, native=0.1)
    native = replace(MIDDLE, native=0.099, top=0.0, left=0.0)
    assert np.array_equal(video_sample(carphone[:2], native, tenth), carphone[:2, :48, :64])
    other = video_sample(carphone[:2], replace(native, native=0.1), tenth)
    assert not np.array_equal(other, carphone[:2, :48, :64])


def test_images_have_their_own_size_and_range(carphone: NDArray[np.uint8]) -> None:
    settings = replace(SETTINGS, image_short_side=(40, 40))
    sample = image_sample(carphone[:1], replace(MIDDLE, top=0.0, left=0.0), settings, 40)
    assert furthest(sample, whole_resized(carphone[:1], 40, 49)[:, :, :40]) <= 1


def test_a_frame_of_one_pixel_can_be_drawn_from() -> None:
    pixel = np.full((2, 1, 1, 3), 77, np.uint8)
    for native in (0.0, 1.0):
        sample = video_sample(pixel, MIDDLE, replace(SETTINGS, native=native))
        assert sample.shape == (2, 48, 64, 3)
        assert (sample == 77).all()


def test_reduction_keeps_the_aspect_and_never_enlarges(carphone: NDArray[np.uint8]) -> None:
    assert reduced_size(720, 1280, 256) == (256, 455)
    assert reduced_size(1280, 720, 256) == (455, 256)
    assert reduced_size(144, 176, 256) == (144, 176)
    assert reduced_size(144, 176, 0) == (144, 176)
    assert np.array_equal(resized(carphone[:2], 72, 88), whole_resized(carphone[:2], 72, 88))
