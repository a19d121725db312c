from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics import PixelScores, psnr, ssim

Clips = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def test_functions_and_accumulator_agree(clips: Clips) -> None:
    scores = PixelScores()
    scores.update(*clips)
    assert {"psnr": psnr(*clips), "ssim": ssim(*clips)} == scores.values()


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_an_image_is_a_clip_of_one_frame(clips: Clips, metric: Callable[..., float]) -> None:
    x, y = clips
    assert metric(x[0], y[0]) == metric(x[:1], y[:1])


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_torch_tensors_score_like_arrays(clips: Clips, metric: Callable[..., float]) -> None:
    torch = pytest.importorskip("torch")
    x, y = (torch.from_numpy(clip) for clip in clips)
    assert metric(x, y) == metric(*clips)
    permuted = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert metric(permuted, clips[1]) == metric(*clips)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_memory_that_is_not_contiguous_scores_like_its_copy(clips: Clips, metric: Callable[..., float]) -> None:
    x, y = (clip[::2, :, ::-1] for clip in clips)
    assert metric(x, y) == metric(x.copy(), y.copy())


def test_psnr_scores_frames_that_are_too_small_for_ssim() -> None:
    x = np.zeros((2, 1, 3), np.uint8)
    assert psnr(x, x + 51) == pytest.approx(20 * math.log10(5), abs=1e-6)
    with pytest.raises(ClipError, match="SSIM needs at least 7 x 7 pixels, got 1 x 2"):
        ssim(x, x)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_mistakes_are_refused(metric: Callable[..., float]) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ClipError, match="same shape"):
        metric(image, image[:7])
    with pytest.raises(TokenBenchError, match=r"reconstruction must hold uint8 values .* got float32"):
        metric(image, image.astype(np.float32))
    with pytest.raises(TokenBenchError, match="reference must have the shape T x H x W x 3, got 8 x 8"):
        metric(image[..., 0], image)
    with pytest.raises(ClipError, match="no frames to score"):
        metric(np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8))


def test_importing_the_metrics_loads_nothing_heavy() -> None:
    code = "import sys, tokenbench.metrics; print(*{'torch', 'numba', 'scipy', 'skimage'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
