"""Traits of clips are ITU-T P.910's, whatever the chunks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tokenbench.media.clip import Clip
from tokenbench.metrics.traits import TRAITS, ClipTraits

Frames = NDArray[np.uint8]


def traits(*chunks: Frames) -> dict[str, float]:
    meter = ClipTraits()
    assert [chunk.shape for chunk in meter.watch(chunks)] == [chunk.shape for chunk in chunks]
    return meter.values()


def defined(frames: Frames) -> dict[str, float]:
    """As P.910 has it, with Pillow's luma and SciPy's Sobel operator."""
    lumas = [np.asarray(Image.fromarray(frame).convert("L"), np.float64) for frame in frames]
    edges = [np.hypot(ndimage.sobel(luma, 0), ndimage.sobel(luma, 1))[1:-1, 1:-1] for luma in lumas]
    return {
        "si": max(edge.std() for edge in edges),
        "ti": max(np.std(after - before) for before, after in pairwise(lumas)),
        "luma": float(np.mean(lumas)),
    }


def test_they_are_those_of_the_recommendation(carphone: Frames) -> None:
    assert traits(carphone) == pytest.approx(defined(carphone), rel=1e-12)
    assert tuple(traits(carphone)) == TRAITS


def test_they_do_not_depend_on_chunks(carphone: Frames) -> None:
    assert traits(carphone[:1], carphone[1:6], carphone[6:6], carphone[6:]) == traits(carphone)


def test_flat_frames_have_no_texture_and_an_even_change_is_no_motion() -> None:
    frames = np.empty((2, 8, 9, 3), np.uint8)
    frames[0], frames[1] = 40, 60
    assert traits(frames) == {"si": 0.0, "ti": 0.0, "luma": 50.0}


def test_half_a_frame_that_changes_moves_by_half_of_the_change() -> None:
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    frames[1, :, :3] = 100
    # 12 pixels change by 100 and 12 by 0: the standard deviation is 50.
    assert traits(frames)["ti"] == 50.0


def test_a_step_has_the_texture_of_its_edge() -> None:
    frame = np.zeros((1, 3, 6, 3), np.uint8)
    frame[:, :, 3:] = 10
    # Sobel's gradient is 40 at the two inner columns beside the edge, and 0 at the two others.
    assert traits(frame) == {"si": 20.0, "luma": 5.0}


def test_primaries_count_as_in_bt_601() -> None:
    frame = np.zeros((1, 1, 3, 3), np.uint8)
    frame[0, 0] = np.diag([255, 255, 255])
    # 76.245, 149.685 and 29.07, rounded.
    assert traits(frame) == {"luma": (76 + 150 + 29) / 3}


def test_photographs_and_tiny_clips_have_the_traits_that_exist(mini: dict[str, Clip]) -> None:
    assert set(traits(next(mini["chelsea"].chunks(1)))) == {"si", "luma"}
    assert set(traits(np.zeros((3, 2, 2, 3), np.uint8))) == {"ti", "luma"}
    assert traits() == {}
