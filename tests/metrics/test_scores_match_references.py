"""The integer kernels against scikit-image and against the definition of PSNR in float64."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from tokenbench.metrics import kernels, pixel, psnr, ssim

Frame = NDArray[np.uint8]

BLACK, WHITE = np.zeros((20, 24, 3), np.uint8), np.full((20, 24, 3), 255, np.uint8)
CHECKERS = np.where(np.indices((20, 24)).sum(0) % 2, 255, 0).astype(np.uint8)[..., None].repeat(3, -1)
EXTREMES = {
    "black and white": (BLACK, WHITE),
    "white and black": (WHITE, BLACK),
    "checkers and their negative": (CHECKERS, 255 - CHECKERS),
    "checkers and grey": (CHECKERS, np.full_like(CHECKERS, 128)),
    "two dark greys": (BLACK + 1, BLACK + 3),
    "one channel differs": (BLACK, BLACK + np.array([0, 0, 9], np.uint8)),
}


def test_ssim_matches_scikit_image_on_photographs(pair: tuple[Frame, Frame]) -> None:
    assert ssim(*pair) == pytest.approx(reference_ssim(*pair, np.float32), abs=1e-6)
    assert ssim(*pair) == pytest.approx(reference_ssim(*pair, np.float64), abs=1e-7)


def test_psnr_matches_its_definition_on_photographs(pair: tuple[Frame, Frame]) -> None:
    assert psnr(*pair) == pytest.approx(reference_psnr(*pair), abs=1e-9)


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_frames_match_the_references(name: str) -> None:
    pair = EXTREMES[name]
    assert ssim(*pair) == pytest.approx(reference_ssim(*pair, np.float64), abs=1e-6)
    assert psnr(*pair) == pytest.approx(reference_psnr(*pair), abs=1e-9)


@pytest.mark.parametrize(
    "size", [(7, 7), (7, 40), (40, 7), (8, 9), (13, 17), (63, 65), (64, 64), (71, 33), (200, 11), (11, 200)]
)
def test_every_size_from_seven_pixels_up_matches_the_references(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(size)
    x, y = generator.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    y = (0.7 * x + 0.3 * y).astype(np.uint8)
    assert ssim(x, y) == pytest.approx(reference_ssim(x, y, np.float32), abs=1e-6)
    assert psnr(x, y) == pytest.approx(reference_psnr(x, y), abs=1e-9)


def test_clips_score_the_mean_ssim_of_their_frames_and_the_psnr_of_one_mse(
    clips: tuple[Frame, Frame],
) -> None:
    x, y = clips
    frames = [reference_ssim(x_frame, y_frame, np.float32) for x_frame, y_frame in zip(x, y, strict=True)]
    assert ssim(x, y) == pytest.approx(np.mean(frames), abs=1e-6)
    assert psnr(x, y) == pytest.approx(reference_psnr(x, y), abs=1e-9)


@pytest.mark.parametrize("noise", [False, True])
def test_identical_clips_score_exactly_one_and_186_6_dB(photograph: Frame, noise: bool) -> None:  # noqa: N802
    if noise:
        photograph = np.random.default_rng(0).integers(0, 256, photograph.shape, dtype=np.uint8)
    assert ssim(photograph, photograph) == 1.0
    assert psnr(photograph, photograph) == 20 * math.log10(255 / float(np.finfo(np.float32).eps))
    assert psnr(photograph, photograph) == pytest.approx(186.6, abs=0.01)


def test_the_largest_possible_error_of_a_wide_frame_does_not_overflow() -> None:
    x = np.zeros((8, 40_000, 3), np.uint8)
    assert kernels.score_frame(x, x + 255)[0] == x.size * 255**2
    assert psnr(x, x + 255) == pytest.approx(0.0, abs=1e-6)


def test_scores_of_a_tall_frame_do_not_overflow() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3000, 7, 3), dtype=np.uint8)
    assert ssim(x, x) == 1.0
    assert ssim(x, x[::-1]) == pytest.approx(reference_ssim(x, x[::-1], np.float64), abs=1e-6)


def test_constants_of_the_accumulator_are_those_of_the_kernels() -> None:
    assert (pixel.WINDOW, pixel.CHANNELS, pixel.SSIM_ONE) == (
        kernels.WINDOW,
        kernels.CHANNELS,
        kernels.SSIM_ONE,
    )


def test_another_cpu_gives_the_same_bits(clips: tuple[Frame, Frame]) -> None:
    """numba's "generic" target has the narrowest vectors of the architecture, and no fused multiply-add."""
    code = (
        "import sys, numpy as np; from tokenbench.metrics.kernels import score_frame;"
        "x, y = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(2, 45, 61, 3);"
        "print(*score_frame(x, y))"
    )
    pair = clips[0][0], clips[1][0]
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=np.stack(pair).tobytes(),
        env={**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
        capture_output=True,
        check=True,
    )
    assert tuple(map(int, result.stdout.split())) == kernels.score_frame(*map(np.ascontiguousarray, pair))


def reference_ssim(x: Frame, y: Frame, dtype: type) -> float:
    return float(structural_similarity(x.astype(dtype), y.astype(dtype), data_range=255, channel_axis=-1))


def reference_psnr(x: Frame, y: Frame) -> float:
    mse = np.mean((x.astype(np.float64) - y) ** 2)
    return float(20 * np.log10(255 / (np.sqrt(mse) + np.finfo(np.float32).eps)))
