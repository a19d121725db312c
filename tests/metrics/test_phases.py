from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics import PixelScores, psnr
from tokenbench.metrics.phases import mean_phases, phases, places, psnr_series

Clips = tuple[NDArray[np.uint8], NDArray[np.uint8]]

ERRORS = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


def errors_of(clips: Clips) -> tuple[list[int], int]:
    return PixelScores().update(*clips), clips[0][0].size


def test_each_number_is_the_psnr_of_its_frames(clips: Clips) -> None:
    x, y = clips
    profile = phases(*_with_stride(clips, 4))
    assert profile["stride"] == 4
    assert profile["first"] == pytest.approx(psnr(x[:1], y[:1]), rel=1e-12)
    frames = [[1, 5, 9], [2, 6, 10], [3, 7, 11], [4, 8]]
    assert profile["phases"] == pytest.approx([psnr(x[chosen], y[chosen]) for chosen in frames], rel=1e-12)


def test_a_series_is_the_psnr_of_every_frame(clips: Clips) -> None:
    expected = [psnr(x[None], y[None]) for x, y in zip(*clips, strict=True)]
    assert psnr_series(*errors_of(clips)) == pytest.approx(expected, rel=1e-12)


@given(errors=ERRORS, stride=st.integers(1, 9))
def test_the_error_of_a_clip_is_that_of_its_first_frame_and_phases(errors: list[int], stride: int) -> None:
    profile = phases(errors, stride, 10**5)
    counts = [len(range(1 + phase, len(errors), stride)) for phase in range(stride)]
    assert [value is None for value in profile["phases"]] == [count == 0 for count in counts]
    parts = [(1, profile["first"]), *((n, value) for n, value in zip(counts, profile["phases"], strict=True) if n)]
    total = sum(n * 10**5 * 255**2 / 10 ** (value / 10) for n, value in parts)
    assert total == pytest.approx(sum(errors), rel=1e-5, abs=1)


def test_a_tokenizer_of_single_frames_has_one_phase(clips: Clips) -> None:
    x, y = clips
    assert phases(*_with_stride(clips, 1))["phases"] == [pytest.approx(psnr(x[1:], y[1:]), rel=1e-12)]


def test_a_photograph_has_a_first_frame_only() -> None:
    assert phases([7], 4, 100)["phases"] == [None] * 4


def test_the_mean_gives_every_clip_the_same_weight() -> None:
    long, short = phases([9, 4, 4, 1, 1], 2, 100), phases([25, 16], 2, 100)
    mean = mean_phases([long, short])
    assert mean["first"] == pytest.approx((long["first"] + short["first"]) / 2)
    assert mean["phases"][0] == pytest.approx((long["phases"][0] + short["phases"][0]) / 2)
    assert mean["phases"][1] == long["phases"][1]


def test_a_phase_that_no_clip_has_stays_open() -> None:
    assert mean_phases([phases([1], 2, 100)] * 3)["phases"] == [None, None]


@given(errors=ERRORS, stride=st.integers(1, 9))
def test_profiles_survive_json(errors: list[int], stride: int) -> None:
    profile = phases(errors, stride, 10**5)
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile
    assert mean_phases([profile]) == profile


@pytest.mark.parametrize("stride", [0, -1])
def test_a_stride_that_is_not_positive_is_refused(stride: int) -> None:
    with pytest.raises(TokenBenchError, match="stride must be at least 1"):
        phases([1], stride, 100)


def test_an_empty_clip_is_refused() -> None:
    with pytest.raises(ClipError, match="the clip is empty"):
        phases([], 4, 100)


def test_a_mean_needs_clips_of_one_stride() -> None:
    with pytest.raises(TokenBenchError, match="one temporal stride, got 2, 4"):
        mean_phases([phases([1], stride, 100) for stride in (2, 4)])
    with pytest.raises(TokenBenchError, match="got no clips"):
        mean_phases([])


def _with_stride(clips: Clips, stride: int) -> tuple[list[int], int, int]:
    errors, values = errors_of(clips)
    return errors, stride, values


def test_a_place_is_counted_from_the_first_frame_with_tokens_of_its_own() -> None:
    assert places(6, 2) == [None, 0, 1, 0, 1, 0]
    assert places(3, 2, causal=False) == [0, 1, 0]
    assert places(3, 4, before=2) == [1, 2, 3]


def test_places_that_are_named_decide_who_belongs_together() -> None:
    profile = phases([16, 4, 25, 1], 2, 100, [0, None, 1, 0])
    assert profile == phases([4, 16, 25, 1], 2, 100)
    lacking = phases([16, 25], 2, 100, [0, 1])
    assert lacking["first"] is None
    assert mean_phases([lacking, profile])["first"] == profile["first"]
