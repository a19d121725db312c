"""The Lanczos resize against Pillow's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from tokenbench.media.lanczos import lanczos_resized

Picture = NDArray[np.uint8]

SIDES = st.one_of(st.integers(1, 9), st.integers(1, 150))
CONTENTS = st.sampled_from(["noise", "black and white", "nearly grey", "one bright pixel"])


def pillow(image: Picture, height: int, width: int) -> Picture:
    """One pass a call: newer Pillows choose the order of the two by size."""
    rows = Image.fromarray(image).resize((width, len(image)), Image.Resampling.LANCZOS)
    return np.asarray(rows.resize((width, height), Image.Resampling.LANCZOS))


def picture(contents: str, height: int, width: int, seed: int) -> Picture:
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 256, (height, width, 3), np.uint8)
    if contents == "black and white":
        return (noise & 1) * np.uint8(255)
    if contents == "nearly grey":
        return noise // 85 + np.uint8(126)
    if contents == "one bright pixel":
        return np.where(np.arange(noise.size).reshape(noise.shape) == seed % noise.size, np.uint8(255), np.uint8(0))
    return noise


@settings(max_examples=150, deadline=None)
@given(before=st.tuples(SIDES, SIDES), after=st.tuples(SIDES, SIDES), contents=CONTENTS, seed=st.integers(0, 2**31))
def test_every_size_and_content_is_pillows(
    before: tuple[int, int], after: tuple[int, int], contents: str, seed: int
) -> None:
    image = picture(contents, *before, seed)
    assert np.array_equal(lanczos_resized(image, *after), pillow(image, *after))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("size", [(180, 320), (181, 333), (540, 960), (700, 100)])
def test_photographs_are_pillows(name: str, size: tuple[int, int]) -> None:
    image = getattr(data, name)()
    assert np.array_equal(lanczos_resized(image, *size), pillow(image, *size))


def test_frames_that_keep_their_aspect_are_those_of_one_call_to_pillow() -> None:
    image = data.astronaut()[:288]
    for size in [(216, 384), (144, 256), (432, 768)]:
        whole = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.LANCZOS))
        assert np.array_equal(lanczos_resized(image, *size), whole)


def test_a_row_wider_than_what_is_summed_together_is_pillows() -> None:
    image = picture("noise", 65, 1500, 0)
    assert np.array_equal(lanczos_resized(image, 40, 1000), pillow(image, 40, 1000))


def test_a_pass_that_changes_no_size_is_left_out(carphone: Picture) -> None:
    frame = carphone[0]
    assert lanczos_resized(frame, *frame.shape[:2]) is frame
    assert np.array_equal(lanczos_resized(frame, 100, 176), pillow(frame, 100, 176))
    assert np.array_equal(lanczos_resized(frame, 144, 100), pillow(frame, 144, 100))


def test_a_view_that_is_turned_or_read_only_is_resized_like_its_copy(carphone: Picture) -> None:
    turned = carphone[0].transpose(1, 0, 2)[::-1]
    turned.flags.writeable = False
    result = lanczos_resized(turned, 99, 77)
    assert result.flags.c_contiguous
    assert np.array_equal(result, pillow(turned.copy(), 99, 77))
