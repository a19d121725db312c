"""Sizes, rates and frame counts of prepared videos."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbench.datasets.building.preparation import (
    Preparation,
    frame_cap,
    is_resized,
    prepared_rate,
    prepared_size,
    reported_rate,
)
from tokenbench.errors import ClipError, TokenBenchError

SCRIPT = Preparation(
    cut_by="frames",
    at_least_frames=300,
    fill_up=True,
    rounded_rate=True,
    short_side=1080,
    even=False,
    colour="rgb",
    storage="h264",
)
TEXT = Preparation(short_side=1080, enlarge=True)
NATIVE = Preparation()


@pytest.mark.parametrize(
    ("height", "width", "script", "text", "native"),
    [
        (2160, 3840, (1080, 1920), (1080, 1920), (2160, 3840)),
        (3840, 2160, (1920, 1080), (1920, 1080), (3840, 2160)),
        (1408, 1408, (1080, 1080), (1080, 1080), (1408, 1408)),
        (720, 1280, (720, 1280), (1080, 1920), (720, 1280)),
        (480, 640, (480, 640), (1080, 1440), (480, 640)),
        (1520, 2704, (1080, 1921), (1080, 1922), (1520, 2704)),
        (361, 641, (361, 641), (1080, 1918), (360, 640)),
        (480, 854, (480, 854), (1080, 1922), (480, 854)),
        (1080, 1081, (1080, 1081), (1080, 1080), (1080, 1080)),
    ],
)
def test_sizes_are_those_of_the_three_readings(
    height: int, width: int, script: tuple[int, int], text: tuple[int, int], native: tuple[int, int]
) -> None:
    for preparation, size in ((SCRIPT, script), (TEXT, text), (NATIVE, native)):
        assert prepared_size(preparation, height, width) == size


@given(st.integers(200, 9_000), st.integers(200, 9_000))
def test_the_long_side_is_rounded_as_the_script_rounds_it(height: int, width: int) -> None:
    short, long = sorted((height, width))
    expected = (1080, int(long * 1080 / short + 0.5)) if short > 1080 else (short, long)
    assert tuple(sorted(prepared_size(SCRIPT, height, width))) == expected
    even = prepared_size(TEXT, height, width)
    assert min(even) == 1080
    assert max(even) % 2 == 0
    assert abs(max(even) - 1080 * Fraction(long, short)) <= 1 or short == 1080
    assert is_resized(TEXT, height, width) == (short != 1080)


@pytest.mark.parametrize(
    ("fps", "frames"),
    [
        (5, 300),
        (23.98, 300),
        (24, 300),
        (25, 300),
        (30000 / 1001, 300),
        (30, 300),
        (30.15, 302),
        (50, 500),
        (59.94, 600),
    ],
)
def test_the_script_keeps_ten_seconds_and_at_least_three_hundred_frames(fps: float, frames: int) -> None:
    assert frame_cap(SCRIPT, fps) == frames


def test_ten_seconds_by_time_are_as_many_frames_as_begin_in_them() -> None:
    rates = (5, 24, 24000 / 1001, 30000 / 1001, 30, 30.15)
    assert [frame_cap(TEXT, fps) for fps in rates] == [50, 240, 240, 300, 300, 302]
    assert frame_cap(Preparation(seconds=0), 30) == 0
    assert frame_cap(Preparation(seconds=0.01), 5) == 1


def test_the_rate_is_the_one_that_was_counted_with() -> None:
    average, base = Fraction(690000, 24079), Fraction(6000, 199)
    assert reported_rate(float(average)) == 28.66
    assert prepared_rate(SCRIPT, average, base) == Fraction(2866, 100)
    assert prepared_rate(TEXT, average, base) == average
    assert prepared_rate(Preparation(fill_up=True), average, base) == base
    assert prepared_rate(SCRIPT, Fraction(24000, 1001), base) == Fraction(2398, 100)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"storage": "h264-qp99"}, "unknown storage 'h264-qp99'"),
        ({"at_least_frames": 300}, "at_least_frames needs cut_by = 'frames'"),
        ({"enlarge": True}, "enlarge needs a short_side"),
        ({"short_side": 1081}, "a short_side of 1081 is not even"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenBenchError, match=message):
        Preparation(**choices)


def test_a_side_of_one_pixel_cannot_be_made_even() -> None:
    assert prepared_size(SCRIPT, 1, 5) == (1, 5)
    with pytest.raises(ClipError, match="5 x 1 pixels cannot be cropped to an even size"):
        prepared_size(NATIVE, 1, 5)


def test_a_strip_is_not_enlarged_beyond_measure() -> None:
    with pytest.raises(ClipError, match="9000 x 1 pixels would become 1080 x 9720000"):
        prepared_size(TEXT, 1, 9000)
