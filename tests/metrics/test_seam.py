from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.metrics import PixelScores, psnr, seam

VALUES = 45 * 61 * 3


@settings(deadline=None)
@given(window=st.integers(2, 11), cut=st.integers(0, 12))
def test_it_is_the_psnr_of_the_other_frames_less_that_of_the_frames_at_a_border(
    clips: tuple[NDArray[np.uint8], NDArray[np.uint8]], window: int, cut: int
) -> None:
    x, y = clips
    scores = PixelScores()
    errors = [*scores.update(x[:cut], y[:cut]), *scores.update(x[cut:], y[cut:])]
    assert sum(errors) == scores.squared_error
    border = [t for t in range(12) if any(t in (cut - 1, cut) for cut in range(window, 12, window))]
    rest = [t for t in range(12) if t not in border]
    expected = psnr(x[rest], y[rest]) - psnr(x[border], y[border]) if rest else None
    assert seam(errors, window, VALUES) == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_worse_borders_are_positive() -> None:
    value = seam([10, 10, 40, 40, 10, 10], 3, 1)
    assert value == pytest.approx(20 * np.log10(2))
    assert seam([10, 10, 5, 5, 10, 10], 3, 1) < 0


@pytest.mark.parametrize(("frames", "window"), [(0, 3), (1, 3), (3, 3), (2, 5), (4, 1), (2, 1)])
def test_without_a_border_or_without_other_frames_there_is_no_value(frames: int, window: int) -> None:
    assert seam([7] * frames, window, 1) is None
