from __future__ import annotations

import json
import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench import parallel
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics import PixelScores

Clips = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def scored(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> PixelScores:
    scores = PixelScores()
    scores.update(x, y)
    return scores


@settings(deadline=None)
@given(cuts=st.sets(st.integers(0, 12)), order=st.randoms(use_true_random=False))
def test_chunks_in_any_order_give_the_same_bits_as_the_whole_clip(clips: Clips, cuts: set[int], order: Random) -> None:
    pieces = list(zip(*(np.split(clip, sorted(cuts)) for clip in clips), strict=True))
    order.shuffle(pieces)
    scores = PixelScores()
    for x, y in pieces:
        scores.update(x, y)
    assert scores == scored(*clips)
    assert scores.values() == scored(*clips).values()


@settings(deadline=None)
@given(owners=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_merged_parts_give_the_same_bits_as_the_whole_clip(clips: Clips, owners: list[int]) -> None:
    parts = [PixelScores() for _ in range(4)]
    for frame, owner in enumerate(owners):
        parts[owner].update(*(clip[frame : frame + 1] for clip in clips))
    merged = PixelScores()
    for part in parts:
        merged.merge(part)
    assert merged == scored(*clips)


@settings(deadline=None)
@given(cut=st.integers(0, 12))
def test_a_saved_clip_resumes_without_a_difference(clips: Clips, cut: int) -> None:
    first = scored(*(clip[:cut] for clip in clips))
    resumed = PixelScores.from_state(json.loads(json.dumps(first.state())))
    assert resumed == first
    resumed.update(*(clip[cut:] for clip in clips))
    assert resumed == scored(*clips)


def test_one_thread_and_many_give_the_same_bits(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored(*clips)
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    assert scored(*clips) == whole


def test_clips_can_be_scored_from_several_threads_at_once(clips: Clips) -> None:
    whole = scored(*clips)
    with ThreadPoolExecutor(8) as threads:
        assert all(scores == whole for scores in threads.map(lambda _: scored(*clips), range(64)))


@pytest.mark.skipif(sys.platform != "linux", reason="only here do child processes start as forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_scores_too(clips: Clips) -> None:
    whole = scored(*clips)
    with multiprocessing.get_context("fork").Pool(1) as children:
        assert children.apply_async(scored, clips).get(timeout=30) == whole


def test_memory_that_is_not_contiguous_or_writable_is_scored(clips: Clips) -> None:
    x, y = (np.asfortranarray(clip)[:, ::-1, ::2] for clip in clips)
    x.flags.writeable = False
    assert scored(x, y) == scored(x.copy(), y.copy())


def test_an_empty_chunk_changes_nothing(clips: Clips) -> None:
    scores = scored(*clips)
    scores.update(*(np.zeros((0, 9, 9, 3), np.uint8) for _ in range(2)))
    scores.merge(PixelScores())
    assert scores == scored(*clips)


def test_values_are_plain_floats_and_the_state_plain_integers(clips: Clips) -> None:
    scores = scored(*clips)
    assert {name: type(value) for name, value in scores.values().items()} == {"psnr": float, "ssim": float}
    assert {type(value) for value in scores.state().values()} == {int}


def test_a_refused_chunk_leaves_the_scores_as_they_were(clips: Clips) -> None:
    scores = scored(*clips)
    with pytest.raises(ClipError, match="must have one size: got 60 x 45 pixels after 61 x 45"):
        scores.update(*(clip[:, :, 1:] for clip in clips))
    assert scores == scored(*clips)


def test_scores_of_different_frame_sizes_are_not_merged(clips: Clips) -> None:
    other = scored(*(clip[:, 1:] for clip in clips))
    with pytest.raises(TokenBenchError, match="scores of 61 x 45 frames with scores of 61 x 44 frames"):
        scored(*clips).merge(other)


def test_different_shapes_are_refused(clips: Clips) -> None:
    with pytest.raises(ClipError, match=r"same shape, got 12 x 45 x 61 x 3 and 11 x 45 x 61 x 3"):
        PixelScores().update(clips[0], clips[1][:11])


@pytest.mark.parametrize("position", [0, 1])
def test_values_other_than_uint8_are_refused(clips: Clips, position: int) -> None:
    pair = list(clips)
    pair[position] = pair[position].astype(np.float32)
    with pytest.raises(TokenBenchError, match=r"must hold uint8 values .* got float32"):
        PixelScores().update(*pair)


@pytest.mark.parametrize("shape", [(2, 9, 9, 4), (9, 9, 3), (3, 2, 9, 9), (9,)])
def test_other_layouts_are_refused(shape: tuple[int, ...]) -> None:
    frames = np.zeros(shape, np.uint8)
    with pytest.raises(TokenBenchError, match=f"T x H x W x 3, got {' x '.join(map(str, shape))}"):
        PixelScores().update(frames, frames)


@pytest.mark.parametrize("size", [(4, 5), (6, 7), (7, 6)])
def test_frames_smaller_than_the_window_are_refused(size: tuple[int, int]) -> None:
    frames = np.zeros((1, *size, 3), np.uint8)
    with pytest.raises(ClipError, match=f"SSIM needs at least 7 x 7 pixels, got {size[1]} x {size[0]}"):
        PixelScores().update(frames, frames)


def test_a_clip_without_frames_has_no_values() -> None:
    with pytest.raises(ClipError, match="no frames to score"):
        PixelScores().values()


@pytest.mark.parametrize("change", [{"frames": 1.5}, {"frames": None}, {"frames": True}, {"colour": 1}])
def test_a_damaged_state_is_refused(clips: Clips, change: dict[str, object]) -> None:
    with pytest.raises(TokenBenchError, match="not a saved state of pixel scores"):
        PixelScores.from_state({**scored(*clips).state(), **change})


def test_a_state_with_a_missing_field_is_refused() -> None:
    with pytest.raises(TokenBenchError, match="not a saved state of pixel scores"):
        PixelScores.from_state({"frames": 1})
