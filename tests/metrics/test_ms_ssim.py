"""Five-scale SSIM against pytorch-msssim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_msssim import ms_ssim
from scipy.ndimage import gaussian_filter
from skimage import data

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.ms_ssim import MsSsimScores
from tokenbench.metrics.windowed_ssim import gaussian, similarity, uniform

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def clip() -> tuple[Frames, Frames]:
    """uint8 3 x 173 x 190 x 3: a window that moves over a photograph, and its blurred copy."""
    photograph = data.astronaut()
    clip = np.stack([photograph[8 * t : 8 * t + 173, 5 * t : 5 * t + 190] for t in range(3)])
    return clip, gaussian_filter(clip, (0, 1.5, 1.5, 0))


def scored(x: Any, y: Any) -> float:
    scores = MsSsimScores()
    scores.update(x, y)
    return scores.values()["ms-ssim"]


def reference(x: Frames, y: Frames) -> float:
    planes = (torch.from_numpy(side).permute(0, 3, 1, 2).double() for side in (x, y))
    return float(ms_ssim(*planes, data_range=255))


@pytest.mark.parametrize("change", [lambda x: np.roll(x, 1, axis=1), lambda x: x // 2, lambda x: x // 32 * 32 + 16])
def test_a_distorted_photograph_scores_as_pytorch_msssim_scores_it(change: Any) -> None:
    x = data.chelsea()[60:230, 80:280]
    pair = x[None], change(x)[None]
    assert scored(*pair) == pytest.approx(reference(*pair), abs=1e-5)


@pytest.mark.parametrize("size", [(161, 161), (162, 173), (176, 177), (191, 161)])
def test_odd_and_even_sides_are_halved_as_pytorch_msssim_halves_them(size: tuple[int, int]) -> None:
    photograph = data.coffee()[None, 100 : 100 + size[0], 50 : 50 + size[1]]
    noise = np.random.default_rng(0).normal(0, 25, photograph.shape)
    y = (photograph + noise).clip(0, 255).astype(np.uint8)
    assert scored(photograph, y) == pytest.approx(reference(photograph, y), abs=1e-5)


def test_opposite_frames_are_cut_off_at_zero(clip: tuple[Frames, Frames]) -> None:
    x, y = clip[0], 255 - clip[0]
    assert scored(x, y) == pytest.approx(reference(x, y), abs=1e-5) == pytest.approx(0, abs=1e-5)


def test_a_clip_scores_the_mean_of_its_frames_however_it_is_cut(clip: tuple[Frames, Frames]) -> None:
    x, y = clip
    scores = MsSsimScores()
    scores.update(x[:1], y[:1])
    scores.update(x[1:], y[1:])
    assert scores.values()["ms-ssim"] == pytest.approx(scored(x, y), rel=1e-12)
    assert scored(x, y) == pytest.approx(reference(x, y), abs=1e-5)


def test_tensors_score_as_arrays_do(clip: tuple[Frames, Frames]) -> None:
    assert scored(*map(torch.from_numpy, clip)) == pytest.approx(scored(*clip), abs=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_tensors_score_as_arrays_do(clip: tuple[Frames, Frames]) -> None:
    assert scored(*(torch.from_numpy(side).cuda() for side in clip)) == pytest.approx(scored(*clip), abs=1e-6)


def test_identical_clips_score_exactly_one(clip: tuple[Frames, Frames]) -> None:
    assert scored(clip[0], clip[0]) == 1.0


def test_frames_that_are_too_small_have_no_value() -> None:
    frames = np.zeros((1, 160, 400, 3), np.uint8)
    with pytest.raises(NotApplicable, match="MS-SSIM needs at least 161 x 161 pixels, got 400 x 160"):
        scored(frames, frames)


def test_what_is_no_pair_is_refused(clip: tuple[Frames, Frames]) -> None:
    x, y = clip
    with pytest.raises(ClipError, match="same shape"):
        scored(x, y[:1])
    with pytest.raises(TokenBenchError, match="two arrays, or two tensors"):
        scored(x, torch.from_numpy(y))
    with pytest.raises(TokenBenchError, match=r"must hold uint8 values .* got float32"):
        scored(torch.from_numpy(x), torch.from_numpy(y).float())
    with pytest.raises(ClipError, match="same shape"):
        scored(torch.from_numpy(x), torch.from_numpy(y)[1:])
    with pytest.raises(ClipError, match="no frames to score"):
        MsSsimScores().values()


@pytest.mark.parametrize("weights", [gaussian(), uniform()])
def test_windows_add_up_to_one_and_are_symmetric(weights: tuple[float, ...]) -> None:
    assert sum(weights) == pytest.approx(1, abs=1e-12)
    assert weights == weights[::-1]


def test_similarity_is_symmetric_and_at_most_one(clip: tuple[Frames, Frames]) -> None:
    x, y = (side[0].transpose(2, 0, 1).astype(np.float32) for side in clip)
    there, back = similarity(x, y, gaussian(), 255), similarity(y, x, gaussian(), 255)
    for a, b in zip(there, back, strict=True):
        assert (a == b).all()
        assert (a < 1).all()
