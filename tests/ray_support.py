"""Tasks for workers of a cluster, which import them by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenbench.datasets.building.records import Record
from tokenbench.datasets.building.task import Failed, Task, build_clip
from tokenbench.engine import Worker
from tokenbench.errors import ClipError, TokenBenchError

# In the environment of a node that is going to be lost.
DOOMED = "TOKENBENCH_TEST_DOOMED"


def square(number: int) -> int:
    return number * number


def die_of_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse_to_start(worker: Worker) -> Callable[[int], int]:
    raise TokenBenchError(f"worker {worker.number} is refused")


def begin_and_sleep(place: Path) -> None:
    place.write_text(str(os.getpid()))
    time.sleep(600)


def lose_the_node(task: tuple[int, Path]) -> int:
    """The number, once the doomed node is gone, which its first task takes along."""
    number, mark = task
    if DOOMED in os.environ:
        mark.touch()
        # Ray's process of a node is the parent of its workers, and they end with it.
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    while not mark.exists():
        time.sleep(0.05)
    return number


def count_to(number: int) -> Iterator[tuple[int, int]]:
    """Numbers, and the process that counted them."""
    for each in range(number):
        yield each, os.getpid()


def count_and_break(number: int) -> Iterator[tuple[int, int]]:
    yield from count_to(number)
    raise ClipError("broken here")


def count_and_die_once(number: int, mark: Path) -> Iterator[tuple[int, int]]:
    yield from count_to(number)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def read_streams(worker: Worker) -> Callable[[tuple[Callable[..., Iterator[tuple[int, int]]], list[object]]], object]:
    """Sums what a task's function gives, in the worker's turn; also whether it was made in another process."""

    def work(task: tuple[Callable[..., Iterator[tuple[int, int]]], list[object]]) -> object:
        function, arguments = task
        stream = worker.stream(function, *arguments)
        with worker.turn:
            items = list(stream)
        return sum(number for number, _ in items), all(process != os.getpid() for _, process in items)

    return work


def build_and_die_once(task: Task) -> Record | Failed:
    mark = task.records.parent / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return build_clip(task)
