from __future__ import annotations

import pytest

from tokenbench.viewing.moments import Moments, choose_moments


def test_stills_span_the_clip_and_take_in_the_worst_frame_of_any_run() -> None:
    first, second = [30.0] * 100, [29.0] * 100
    first[37], second[61] = 20.0, 25.0
    moments = choose_moments(100, [first, second], stills=5, loop=20)
    assert moments == Moments((0, 25, 37, 50, 74, 99), range(27, 47), worst=37)
    assert moments.end == 100


@pytest.mark.parametrize(("worst", "loop"), [(0, range(20)), (99, range(80, 100))])
def test_a_loop_stays_within_the_clip(worst: int, loop: range) -> None:
    series = [30.0] * 100
    series[worst] = 10.0
    assert choose_moments(100, [series], stills=2, loop=20).loop == loop


def test_a_clip_without_scores_loops_around_its_middle() -> None:
    assert choose_moments(10, [[]], stills=1, loop=4) == Moments((5,), range(3, 7))


def test_a_short_clip_shows_every_frame_once() -> None:
    assert choose_moments(3, [[9.0, 8.0, 7.0]], stills=5, loop=48) == Moments((0, 1, 2), range(3), worst=2)


def test_a_photograph_has_one_still_and_no_loop() -> None:
    assert choose_moments(1, [[]], stills=5, loop=48) == Moments((0,), range(0))


def test_frames_that_not_all_runs_scored_are_not_shown() -> None:
    assert choose_moments(4, [[9.0, 9.0, 9.0, 9.0, 1.0]], stills=2, loop=0) == Moments((0, 3), range(0), worst=0)
