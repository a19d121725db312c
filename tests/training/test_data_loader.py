"""Mini-batches one after another, in this process or prepared in others."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.training.data import (
    Batch,
    DataSettings,
    TrainingData,
    build_data,
    loader,
    naming_dead_workers,
)


def same(first: Batch, second: Batch) -> bool:
    return first.ids == second.ids and np.array_equal(first.frames, second.frames)


def test_a_resumed_loader_goes_on_where_the_first_was(data: TrainingData) -> None:
    whole = list(islice(loader(data), 5))
    for expected, batch in zip(whole[3:], islice(loader(data, first_step=3), 2), strict=True):
        assert same(batch, expected)


def test_the_loader_leaves_the_random_numbers_of_the_training_alone(data: TrainingData) -> None:
    before = torch.get_rng_state()
    next(loader(data))
    assert torch.equal(torch.get_rng_state(), before)


def test_waiting_is_counted_from_the_second_batch(data: TrainingData) -> None:
    batches = loader(data)
    assert batches.waiting == 0
    next(batches)
    assert batches.waiting == 0
    next(batches)
    assert 0 < batches.waiting <= 1


@pytest.mark.slow
def test_workers_change_nothing_and_their_errors_are_one_line(settings: DataSettings) -> None:
    data = build_data(replace(settings, workers=2), seed=7)
    batches = loader(data, first_step=2, rank=1, world=2)
    for step, batch in enumerate(islice(batches, 4), start=2):
        assert same(batch, data.batch(step, 1, 2))
    assert 0 <= batches.waiting <= 1
    for clip in (*data.videos.clips, *data.images.clips):
        assert clip.path is not None
        clip.path.unlink()
    with pytest.raises(TokenBenchError, match="gone or damaged") as caught:
        list(islice(batches, 20))
    assert "\n" not in str(caught.value)
    batches.close()
    assert next(batches, None) is None


@pytest.mark.slow
def test_a_worker_that_dies_while_its_consumer_computes_is_one_line(settings: DataSettings) -> None:
    batches = loader(build_data(replace(settings, workers=1), seed=7))
    next(batches)
    (worker,) = multiprocessing.active_children()
    deadline = time.monotonic() + 60
    with pytest.raises(TokenBenchError, match="a process that prepares data died"), naming_dead_workers():
        worker.kill()
        while time.monotonic() < deadline:
            time.sleep(0.01)
