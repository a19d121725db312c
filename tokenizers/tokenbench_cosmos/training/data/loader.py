"""Mini-batches in the order of their steps, prepared ahead in worker processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.training.data.batches import Batch, TrainingData

# Mini-batches that each worker prepares ahead.
_AHEAD = 2


def loader(data: TrainingData, first_step: int = 0, rank: int = 0, world: int = 1) -> Loader:
    """The mini-batches of steps `first_step`, `first_step` + 1, ... without an end.

    What comes does not depend on `data.settings.workers`, nor on where it begins.

    Args:
        data: to draw from.
        first_step: counted from 0.
        rank: of this process.
        world: number of processes.
    """
    return Loader(data, first_step, rank, world)


@contextmanager
def naming_dead_workers() -> Iterator[None]:
    """Say in one line that a worker has died, which torch does by a signal, wherever the consumer is at that time.

    Raises:
        TokenBenchError: one has.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TokenBenchError(
            "a process that prepares data died, perhaps for lack of memory; lower data.workers or data.batch"
        ) from error


class Loader(Iterator[Batch]):
    """Iterates over mini-batches, and counts the time that its consumer waits for them.

    The first mini-batch, for which workers must start, is not counted.
    """

    def __init__(self, data: TrainingData, first_step: int, rank: int, world: int) -> None:
        workers = data.settings.workers
        self._workers = DataLoader(
            _Steps(data, rank, world),
            batch_size=None,
            sampler=_Counting(first_step),
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            prefetch_factor=_AHEAD if workers else None,
            worker_init_fn=_leave_interrupts_to_the_parent if workers else None,
            collate_fn=_as_it_is,
            # Its own, so that the random numbers of the training do not depend on when workers start.
            generator=torch.Generator(),
        )
        self._batches: Iterator[Batch | TokenBenchError] | None = iter(self._workers)
        self._waited = 0.0
        self._began: float | None = None

    def __next__(self) -> Batch:
        """The next mini-batch.

        Raises:
            TokenBenchError: a clip cannot be read any more, or a worker died.
        """
        if self._batches is None:
            raise StopIteration
        asked = time.perf_counter()
        with naming_dead_workers():
            batch = next(self._batches)
        if isinstance(batch, TokenBenchError):
            raise batch
        if self._began is None:
            self._began = time.perf_counter()
        else:
            self._waited += time.perf_counter() - asked
        return batch

    @property
    def waiting(self) -> float:
        """The share of the time since the first mini-batch that the consumer waited, 0 to 1."""
        if self._began is None:
            return 0.0
        return self._waited / (time.perf_counter() - self._began)

    def close(self) -> None:
        """Stop the workers; nothing comes any more."""
        self._batches = None


class _Steps(Dataset[Batch | TokenBenchError]):
    """Mini-batches by step. A user's mistake is returned, since an error that a worker raises becomes a traceback."""

    def __init__(self, data: TrainingData, rank: int, world: int) -> None:
        self._data, self._rank, self._world = data, rank, world

    def __getitem__(self, step: int) -> Batch | TokenBenchError:
        try:
            return self._data.batch(step, self._rank, self._world)
        except TokenBenchError as error:
            return error


class _Counting(Sampler[int]):
    def __init__(self, first: int) -> None:
        self._first = first

    def __iter__(self) -> Iterator[int]:
        return count(self._first)


def _as_it_is(item: Any) -> Any:
    return item


def _leave_interrupts_to_the_parent(_: int) -> None:
    # Either may reach all processes of a run at once: from a terminal, from torchrun, from a scheduler.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
