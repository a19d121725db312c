"""Motion in diagonals of the picture per second, and what stands still."""

from __future__ import annotations

import numpy as np
import pytest
from screening_support import FPS, Frames, letterboxed, lively, noisy, pan, still

from tokenbench.datasets.screening.luma import Frame, reduced
from tokenbench.datasets.screening.motion import Motion, Stillness


def times_and_luma(frames: Frames, fps: float = FPS) -> list[Frame]:
    return [Frame(number / fps, frame[..., 1]) for number, frame in enumerate(frames)]


def motion_of(frames: Frames, fps: float = FPS, cut_times: tuple[float, ...] = ()) -> tuple[float, float]:
    motion = Motion()
    for frame in times_and_luma(frames, fps):
        motion.update(frame)
    return motion.values(cut_times)


def static_share_of(frames: Frames, every: int = 12, cut_times: tuple[float, ...] = ()) -> float:
    stillness = Stillness()
    for frame in times_and_luma(frames)[::every]:
        stillness.update(frame)
    return stillness.value(cut_times)


@pytest.mark.parametrize("step", [1, 3, 8])
def test_a_panned_photograph_moves_at_its_true_speed(step: int) -> None:
    true = step * FPS / np.hypot(180, 320)
    median, peak = motion_of(pan(26, step))
    assert median == pytest.approx(true, rel=0.02)
    assert peak == pytest.approx(true, rel=0.08)


def test_the_frame_rate_changes_nothing() -> None:
    slow, fast = motion_of(pan(26, 4)[::2], FPS / 2), motion_of(pan(26, 4))
    assert slow == pytest.approx(fast, rel=0.03)


def test_the_size_changes_little() -> None:
    large = pan(26, 8, height=360, width=640)
    small = np.stack([reduced(frame[..., 1], 320) for frame in large])[..., None].repeat(3, axis=-1)
    assert motion_of(large) == pytest.approx(motion_of(small), rel=0.03)


def test_noise_is_no_motion(carphone: Frames) -> None:
    assert motion_of(lively(carphone))[1] > 0.06
    assert motion_of(still(carphone))[1] < 0.015
    assert motion_of(np.repeat(carphone[:1], 24, axis=0)) == (0, 0)


def test_a_pair_of_frames_across_a_cut_does_not_count(carphone: Frames) -> None:
    first, second = np.repeat(carphone[:1], 14, axis=0), np.repeat(carphone[:1, ::-1], 20, axis=0)
    cut = len(first) / FPS
    assert motion_of(np.concatenate([first, second]))[1] > 0.05
    assert motion_of(np.concatenate([first, second]), cut_times=(cut,)) == (0, 0)


def test_a_single_frame_does_not_move(carphone: Frames) -> None:
    assert motion_of(carphone[:1]) == (0, 0)
    assert static_share_of(carphone[:1]) == 1


def test_what_stands_still_is_counted(carphone: Frames) -> None:
    frames = lively(carphone)
    held = frames.copy()
    held[:, :, :88] = held[0, :, :88]
    assert static_share_of(still(frames)) > 0.96
    assert static_share_of(held) == pytest.approx(0.5 + static_share_of(frames[:, :, 88:]) / 2, abs=0.01)
    assert static_share_of(pan(50, 8)) < 0.15


def test_slides_are_still_whether_they_are_cut_or_faded() -> None:
    first, second = (noisy(np.repeat(pan(1, 0)[:, ::turn], 50, axis=0), 1) for turn in (1, -1))
    weights = np.linspace(0, 1, 10)[:, None, None, None]
    fade = (first[:10] * (1 - weights) + second[:10] * weights).astype(np.uint8)
    assert static_share_of(np.concatenate([first, fade, second])) > 0.99
    assert static_share_of(np.concatenate([first, second]), cut_times=(2.0,)) > 0.99
    assert static_share_of(np.concatenate([first[:14], second[:14]]), cut_times=(14 / FPS,)) > 0.99


def test_bars_are_as_still_as_they_are_high() -> None:
    assert static_share_of(letterboxed(pan(50, 8), lines=45)) == pytest.approx(0.5, abs=0.1)
