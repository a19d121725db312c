"""Mini-batches: what is in them, and that they depend on seed, step and rank alone."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.media.pixels import to_float
from tokenbench_cosmos.training.data import Batch, DataSettings, TrainingData, build_data
from tokenbench_cosmos.training.data.draw import draw


def same(first: Batch, second: Batch) -> bool:
    return first.ids == second.ids and np.array_equal(first.frames, second.frames)


def clip_frames(data: TrainingData, id_: str) -> tuple[NDArray[np.uint8], int]:
    """The clip of a sample, decoded anew, and the sample's first frame."""
    name, _, first = id_.rpartition("@")
    clips = {clip.source.id: clip.source.clip for clip in (*data.videos.clips, *data.images.clips)}
    return np.concatenate(list(clips[name].chunks(8))), int(first)


def windows(frames: NDArray[np.uint8], height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    for top in range(frames.shape[1] - height + 1):
        for left in range(frames.shape[2] - width + 1):
            yield frames[:, top : top + height, left : left + width]


def test_batches_of_videos_and_images_alternate(settings: DataSettings) -> None:
    data = build_data(settings, seed=0)
    shapes = [data.batch(step).frames.shape for step in range(4)]
    assert shapes == [(2, 4, 32, 48, 3), (3, 1, 32, 32, 3)] * 2
    assert [data.batch(step).kind for step in range(2)] == ["video", "image"]
    fourth = build_data(replace(settings, image_every=4), seed=0)
    assert [fourth.batch(step).kind for step in range(5)] == ["video", "video", "video", "image", "video"]


def test_image_every_leaves_out_what_is_never_drawn(settings: DataSettings) -> None:
    videos = build_data(replace(settings, image_every=0), seed=0)
    assert not videos.images.clips
    assert videos.batch(1).kind == "video"
    images = build_data(replace(settings, image_every=1), seed=0)
    assert not images.videos.clips
    assert images.batch(0).kind == "image"


def test_each_batch_of_images_draws_one_of_the_sizes(settings: DataSettings) -> None:
    data = build_data(replace(settings, image_every=1, image_sizes=(24, 32)), seed=0)
    sides = [data.batch(step).frames.shape[2:4] for step in range(40)]
    assert 10 < sides.count((24, 24)) == 40 - sides.count((32, 32)) < 30
    assert [data.batch(step, 1, 2).frames.shape[2:4] for step in range(40)] == sides


def test_a_batch_depends_on_seed_step_and_rank_alone(data: TrainingData, settings: DataSettings) -> None:
    again = build_data(settings, seed=7)
    for step in (5, 0, 1):
        assert same(data.batch(step, 1, 2), again.batch(step, 1, 2))
    assert not same(data.batch(0), data.batch(2))
    assert not same(data.batch(0, 0, 2), data.batch(0, 1, 2))
    assert not same(data.batch(0), build_data(settings, seed=8).batch(0))


def test_two_processes_see_the_samples_of_one_with_twice_the_batch(data: TrainingData, settings: DataSettings) -> None:
    twice = build_data(replace(settings, batch=4, image_batch=6), seed=7)
    for step in range(4):
        ranks, whole = [data.batch(step, rank, 2) for rank in range(2)], twice.batch(step)
        assert np.array_equal(np.concatenate([batch.frames for batch in ranks]), whole.frames)
        assert ranks[0].ids + ranks[1].ids == whole.ids


def test_a_rank_beyond_the_world_is_refused(data: TrainingData) -> None:
    with pytest.raises(ValueError, match="rank 2 of 2"):
        data.batch(0, 2, 2)


def test_every_sample_is_as_likely_as_any_other(data: TrainingData) -> None:
    total = (14 - 4 + 1) + (11 - 4 + 1)
    picked = {(clip.source.id, first) for clip, first in (data.videos.pick((k + 0.5) / total) for k in range(total))}
    assert picked == {("even.mkv", k) for k in range(11)} | {("odd.mkv", k) for k in range(8)}
    assert data.videos.pick(0.0)[1] == 0
    assert data.videos.pick(np.nextafter(1, 0))[1] == 7


def test_native_samples_are_the_pixels_of_the_named_frames(settings: DataSettings) -> None:
    data = build_data(replace(settings, native=1.0, flip=0.0, reverse=0.0), seed=1)
    for step in range(4):
        batch = data.batch(step)
        for sample, id_ in zip(batch.frames, batch.ids, strict=True):
            frames, first = clip_frames(data, id_)
            part = frames[first : first + len(sample)]
            assert any(np.array_equal(sample, window) for window in windows(part, *sample.shape[1:3]))


def test_flip_mirrors_and_reverse_turns_time(settings: DataSettings) -> None:
    plain = build_data(replace(settings, flip=0.0, reverse=0.0), seed=3).batch(0).frames
    flipped = build_data(replace(settings, flip=1.0, reverse=0.0), seed=3).batch(0).frames
    reversed_ = build_data(replace(settings, flip=0.0, reverse=1.0), seed=3).batch(0).frames
    assert np.array_equal(flipped, plain[:, :, :, ::-1])
    assert np.array_equal(reversed_, plain[:, ::-1])
    assert not np.array_equal(reversed_, plain)


def test_float_batches_are_the_harness_own_conversion(data: TrainingData) -> None:
    batch = data.batch(0)
    video = batch.to_float()
    assert video.shape == (2, 3, 4, 32, 48)
    assert video.dtype == torch.float32
    assert video.is_contiguous()
    for sample, frames in zip(video, batch.frames, strict=True):
        assert torch.equal(sample, to_float(frames)[0])
    assert torch.equal(batch.to_float(dtype=torch.bfloat16), video.to(torch.bfloat16))


def test_draws_are_uniform_and_never_repeat() -> None:
    draws = np.array([list(vars(draw(5, step, index)).values()) for step in range(40) for index in range(25)])
    assert len(np.unique(draws)) == draws.size
    assert 0 <= draws.min() < draws.max() < 1
    # Of 1000 uniform numbers the mean deviates from 1/2 by 0.009; five times that is a bug.
    assert np.abs(draws.mean(0) - 0.5).max() < 0.046
    assert draw(5, 1, 0) != draw(6, 1, 0)


def test_data_can_be_sent_to_another_process(data: TrainingData) -> None:
    assert same(pickle.loads(pickle.dumps(data)).batch(3), data.batch(3))


def test_the_digest_of_the_data_tells_what_is_trained_on(data: TrainingData, settings: DataSettings) -> None:
    place = Path(settings.sources[0])
    write_video(place / "more.mkv", clip_frames(data, "even.mkv@0")[0][::-1])
    more = build_data(settings, seed=7)
    assert more.sha256 != data.sha256
    (place / "more.mkv").rename(place / "n.mkv")
    assert build_data(settings, seed=8).sha256 == more.sha256
