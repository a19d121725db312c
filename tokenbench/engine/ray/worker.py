"""What runs on the nodes of a Ray cluster: workers, and what makes ready what they read."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from tokenbench.engine.contract import Prepare, Worker
from tokenbench.engine.ray.cluster import enter, received, room
from tokenbench.errors import TokenBenchError
from tokenbench.parallel import share_cores

# Items of a stream that wait for who reads them; a chunk of frames is at most 16 MiB.
_AHEAD = 2


class Actor:
    """A worker, in a process of its own."""

    def __init__(self, number: int, prepare: Prepare, folder: Path, on_gpu: bool) -> None:
        self._folder = folder
        self._on_gpu = on_gpu
        self._prepare = prepare
        self._worker = Worker(number, place=platform.node())
        if on_gpu:
            stream = partial(_stream, threading.Lock())
            self._worker = Worker(number, stream=stream, turn=threading.Lock(), place=platform.node())
        self._work: Callable[[Any], Any] | None = None
        self._preparing = threading.Lock()

    def begin(self) -> None:
        """Be where the command was given, with a fair share of the node's cores."""
        enter(self._folder)
        share_cores(room("GPU" if self._on_gpu else "CPU"))

    def do(self, task: Any) -> Any:
        """A task; the first one prepares the work, so that who dies of that dies over a task."""
        with self._preparing:
            if self._work is None:
                self._work = self._prepare(self._worker)
        return self._work(task)


def _stream(
    opening: AbstractContextManager[Any], function: Callable[..., Iterable[Any]], *arguments: Any
) -> Generator[Any, None, None]:
    """What `function` gives, made on a CPU somewhere in the cluster, a little ahead.

    It has begun when this returns, so that no worker's turn waits for a CPU that the next task's stream holds.

    Args:
        opening: is held meanwhile.
        function: gives items; it and its arguments are sent there.
        arguments: of it.
    """
    import ray

    source = ray.remote(_items).options(
        num_cpus=1, num_returns="streaming", max_retries=0, _generator_backpressure_num_objects=_AHEAD
    )
    with opening:
        answers = source.remote(Path.cwd(), function, *arguments)
        return _each(next(answers, None), answers)


def _items(folder: Path, function: Callable[..., Iterable[Any]], *arguments: Any) -> Iterator[Any]:
    enter(folder)
    try:
        yield from function(*arguments)
    except TokenBenchError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise type(error)(f"{error} on {platform.node()}, and let all nodes share it") from error
        raise


def _each(first: Any, rest: Any) -> Generator[Any, None, None]:
    import ray

    try:
        for answer in () if first is None else chain([first], rest):
            yield received(answer)
    finally:
        ray.cancel(rest)
