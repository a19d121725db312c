"""Hard cuts, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from screening_support import FPS, Frames, joined, lively, pan

from tokenbench.datasets.screening.luma import Frame, luma_frames
from tokenbench.datasets.screening.shots import Shots
from tokenbench.media.clip import Clip


def cuts_of(frames: Frames, fps: float = FPS) -> tuple[float, ...]:
    shots = Shots()
    for number, frame in enumerate(frames):
        shots.update(Frame(number / fps, frame[..., 1]))
    return shots.cut_times()


def test_a_cut_is_found_at_its_frame(carphone: Frames) -> None:
    assert cuts_of(joined(carphone)) == (12 / FPS,)
    assert cuts_of(np.concatenate([carphone[:1], carphone[1:, ::-1]])) == (1 / FPS,)


def test_every_cut_of_a_film_is_found_and_no_other(mini: dict[str, Clip]) -> None:
    shots = Shots()
    for frame in luma_frames(mini["bikes"].probed(), 10.0):
        shots.update(frame)
    assert shots.cut_times() == pytest.approx((1.2, 3.04, 5.48, 7.48, 9.68))


@pytest.mark.parametrize("step", [4, 24])
def test_a_fast_pan_is_no_cut(step: int) -> None:
    assert cuts_of(pan(20, step)) == ()


def test_a_flash_and_a_fade_are_no_cuts(carphone: Frames) -> None:
    frames = lively(carphone)
    flash = frames.copy()
    flash[20:22] = np.clip(flash[20:22] * 1.5 + 60, 0, 255)
    fade = (frames * np.linspace(1, 0, len(frames))[:, None, None, None]).astype(np.uint8)
    assert cuts_of(frames) == cuts_of(flash) == cuts_of(fade) == ()


def test_a_dissolve_is_no_cut(carphone: Frames) -> None:
    weights = np.linspace(0, 1, 24)[:, None, None, None]
    assert cuts_of((carphone * (1 - weights) + carphone[:, ::-1] * weights).astype(np.uint8)) == ()


def test_repeated_frames_make_no_cuts(carphone: Frames) -> None:
    assert cuts_of(lively(carphone)[::3].repeat(3, axis=0)) == ()
    assert cuts_of(carphone[:1]) == ()
