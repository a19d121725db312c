from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tokenbench import parallel
from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics import flicker
from tokenbench.metrics.flicker import Flicker

Clips = tuple[NDArray[np.uint8], NDArray[np.uint8]]

PAIRS = st.tuples(st.integers(2, 5), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(*(arrays(np.uint8, (*shape, 3)) for _ in range(2)))
)


def measured(x: NDArray[np.uint8], y: NDArray[np.uint8], cuts: list[int] | None = None) -> float:
    meter = Flicker()
    for chunks in zip(np.split(x, cuts or []), np.split(y, cuts or []), strict=True):
        meter.update(*chunks)
    return meter.values()["flicker"]


def defined(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    return float(np.abs(np.diff(x.astype(int), axis=0) - np.diff(y.astype(int), axis=0)).mean())


@settings(deadline=None)
@given(pair=PAIRS)
def test_it_is_the_mean_difference_between_changes(pair: Clips) -> None:
    assert measured(*pair) == pytest.approx(defined(*pair), rel=1e-12)


def test_a_real_clip_and_its_noisy_copy(clips: Clips) -> None:
    assert measured(*clips) == pytest.approx(defined(*clips), rel=1e-12)


def test_sums_that_exceed_32_bits_are_exact() -> None:
    black, white = np.zeros((1, 1200, 1200, 3), np.uint8), np.full((1, 1200, 1200, 3), 255, np.uint8)
    assert measured(np.concatenate([black, white]), np.concatenate([white, black])) == 510


@settings(deadline=None)
@given(cuts=st.sets(st.integers(0, 12)))
def test_streaming_equals_whole_clip(clips: Clips, cuts: set[int]) -> None:
    assert measured(*clips, cuts=sorted(cuts)) == measured(*clips)


@settings(deadline=None)
@given(pair=PAIRS)
def test_tensors_on_a_device_give_the_same_integers(pair: Clips) -> None:
    steps = [[(side[t], side[t + 1]) for side in pair] for t in range(len(pair[0]) - 1)]
    flat = [(*x, *y) for x, y in steps]
    on_device = flicker._changes_on_device([tuple(map(torch.tensor, step)) for step in flat])
    assert on_device == sum(map(flicker._changes_on_cpu, flat))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("on_cpu", [set(), {0}, {1}])
def test_frames_on_the_gpu_give_the_same_value(clips: Clips, on_cpu: set[int]) -> None:
    meter = Flicker()
    for start in (0, 5):
        chunks = [clip[start : start + 5 + start] for clip in clips]
        meter.update(*(chunk if side in on_cpu else torch.tensor(chunk).cuda() for side, chunk in enumerate(chunks)))
    assert meter.values()["flicker"] == measured(*clips)


def test_tensors_in_the_cpus_memory_are_scored(clips: Clips) -> None:
    meter = Flicker()
    meter.update(torch.tensor(clips[0]), torch.tensor(clips[1]))
    assert meter.values()["flicker"] == measured(*clips)


def test_one_thread_and_many_give_the_same_bits(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measured(*clips)
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    assert measured(*clips) == whole


def test_memory_that_is_not_contiguous_or_writable_is_scored(clips: Clips) -> None:
    x, y = (np.asfortranarray(clip)[:, ::-1, ::2] for clip in clips)
    x.flags.writeable = False
    assert measured(x, y) == pytest.approx(defined(x, y), rel=1e-12)


def test_the_callers_buffer_may_be_used_again(clips: Clips) -> None:
    meter = Flicker()
    buffers = [np.empty_like(clip[:4]) for clip in clips]
    for start in range(0, 12, 4):
        for buffer, clip in zip(buffers, clips, strict=True):
            buffer[:] = clip[start : start + 4]
        meter.update(*buffers)
    assert meter.values()["flicker"] == measured(*clips)


def test_a_constant_offset_does_not_flicker(clips: Clips) -> None:
    x = clips[0] // 2
    assert measured(x, x + 100) == 0


def test_a_clip_of_one_frame_has_no_value(clips: Clips) -> None:
    meter = Flicker()
    meter.update(*(clip[:1] for clip in clips))
    with pytest.raises(NotApplicable, match="flicker needs at least two frames"):
        meter.values()


def test_what_is_not_a_pair_of_chunks_is_refused(clips: Clips) -> None:
    x, y = clips
    with pytest.raises(ClipError, match="same shape, got 12 x 45 x 61 x 3 and 11 x 45 x 61 x 3"):
        measured(x, y[:11])
    with pytest.raises(TokenBenchError, match=r"reconstruction must hold uint8 values .* got float32"):
        measured(x, y.astype(np.float32))
    with pytest.raises(TokenBenchError, match="reference must have the shape T x H x W x 3, got 45 x 61 x 3"):
        measured(x[0], y[0])


def test_a_refused_chunk_leaves_the_value_as_it_was(clips: Clips) -> None:
    meter = Flicker()
    meter.update(*clips)
    with pytest.raises(ClipError, match="must have one size: got 60 x 45 pixels after 61 x 45"):
        meter.update(*(clip[:, :, 1:] for clip in clips))
    meter.update(*(np.zeros((0, 9, 9, 3), np.uint8) for _ in range(2)))
    assert meter.values()["flicker"] == measured(*clips)
