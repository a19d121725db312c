"""Scores of tensors against the compiled loops that score arrays: the same whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics import PixelScores, kernels, pixel_torch
from tokenbench.metrics.pixel_torch import score_frames

Frames = NDArray[np.uint8]
Clips = tuple[Frames, Frames]


@pytest.fixture(scope="module")
def small(clips: Clips) -> Clips:
    """12 x 20 x 33 x 3: too small for torch to start threads."""
    x, y = (clip[:, 20:40, 10:43] for clip in clips)
    return x, y


def expected(x: Frames, y: Frames) -> list[tuple[int, int]]:
    return [kernels.score_frame(*map(np.ascontiguousarray, pair)) for pair in zip(x, y, strict=True)]


def on_tensors(x: Frames, y: Frames, device: str = "cpu") -> list[tuple[int, int]]:
    return score_frames(*(torch.tensor(clip, device=device) for clip in (x, y)))


def test_photographs_score_the_same_to_the_bit(pair: Clips) -> None:
    x, y = (image[None, 40:140, 100:205] for image in pair)
    assert on_tensors(x, y) == expected(x, y)


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(7, 24), st.integers(7, 24)),
    seed=st.integers(0, 2**32 - 1),
    mix=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    levels=st.sampled_from([2, 4, 256]),
)
def test_random_frames_score_the_same_to_the_bit(
    size: tuple[int, int, int], seed: int, mix: float, levels: int
) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.integers(0, levels, (2, *size, 3), dtype=np.uint8) * np.uint8(255 // (levels - 1))
    y = (mix * x + (1 - mix) * y).astype(np.uint8)
    assert on_tensors(x, y) == expected(x, y)


@pytest.mark.parametrize(("x", "y"), [(0, 255), (255, 0), (255, 255), (0, 0), (1, 3)])
def test_the_largest_sums_do_not_overflow(x: int, y: int) -> None:
    frames = [np.full((2, 9, 4000, 3), level, np.uint8) for level in (x, y)]
    assert on_tensors(*frames) == expected(*frames)


@pytest.mark.parametrize("at_once", [1, 183 * 7, 183 * 44, 183 * 45, 183 * 45 * 5])
def test_parts_of_frames_and_of_clips_give_the_same(
    clips: Clips, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_torch, "_VALUES_AT_ONCE", at_once)
    assert on_tensors(*clips) == expected(*clips)


def test_a_large_frame_passes_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    whole = pixel_torch._window_sums

    def recorded(values: torch.Tensor) -> torch.Tensor:
        sizes.append(values.numel())
        return whole(values)

    monkeypatch.setattr(pixel_torch, "_VALUES_AT_ONCE", 10_000)
    monkeypatch.setattr(pixel_torch, "_window_sums", recorded)
    frames = torch.zeros(2, 300, 100, 3, dtype=torch.uint8)
    score_frames(frames, frames)
    overlap = 6 * 300
    assert 9_000 < max(sizes) <= 10_000 + overlap


def test_memory_in_any_order_is_scored(small: Clips) -> None:
    x, y = map(torch.tensor, small)
    planar = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert score_frames(planar, y) == expected(*small)
    assert score_frames(x[::2, :, 1:], y[::2, :, 1:]) == expected(*(clip[::2, :, 1:] for clip in small))


@settings(deadline=None, max_examples=30)
@given(cuts=st.sets(st.integers(0, 12)))
def test_tensors_in_any_chunks_add_up_to_the_scores_of_arrays(small: Clips, cuts: set[int]) -> None:
    whole = PixelScores()
    errors = whole.update(*small)
    scores = PixelScores()
    found = []
    for pair in zip(*(np.split(clip, sorted(cuts)) for clip in small), strict=True):
        found += scores.update(*map(torch.tensor, pair))
    assert (scores, found) == (whole, errors)
    assert {type(value) for value in scores.state().values()} == {int}


def test_an_array_beside_a_tensor_is_refused(clips: Clips) -> None:
    with pytest.raises(TokenBenchError, match="reference is an array and the reconstruction a tensor on cpu"):
        PixelScores().update(clips[0], torch.tensor(clips[1]))
    with pytest.raises(TokenBenchError, match="reference is a tensor on cpu and the reconstruction an array"):
        PixelScores().update(torch.tensor(clips[0]), clips[1])


def test_tensors_on_two_devices_are_refused(clips: Clips) -> None:
    x = torch.tensor(clips[0])
    with pytest.raises(TokenBenchError, match="a tensor on cpu and the reconstruction a tensor on meta"):
        PixelScores().update(x, x.to("meta"))


def test_tensors_that_are_no_pair_of_frames_are_refused(clips: Clips) -> None:
    x, y = map(torch.tensor, clips)
    with pytest.raises(TokenBenchError, match=r"reconstruction must hold uint8 values .* got float32"):
        PixelScores().update(x, y.float())
    with pytest.raises(TokenBenchError, match="T x H x W x 3, got 12 x 3 x 45 x 61"):
        PixelScores().update(x.permute(0, 3, 1, 2), y)
    with pytest.raises(ClipError, match="same shape, got 12 x 45 x 61 x 3 and 11 x 45 x 61 x 3"):
        PixelScores().update(x, y[:11])
    with pytest.raises(ClipError, match="SSIM needs at least 7 x 7 pixels, got 6 x 45"):
        PixelScores().update(x[:, :, :6], y[:, :, :6])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_gives_the_same_whole_numbers(pair: Clips, clips: Clips) -> None:
    for x, y in (clips, tuple(image[None] for image in pair)):
        assert on_tensors(x, y, "cuda") == expected(x, y)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_1080p_frame_takes_little_of_the_gpus_memory() -> None:
    frames = torch.zeros(1, 1080, 1920, 3, dtype=torch.uint8, device="cuda")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    score_frames(frames, frames)
    assert torch.cuda.max_memory_allocated() - before < 250e6
