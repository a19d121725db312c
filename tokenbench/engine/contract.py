"""One function over many tasks, by workers of which any may die."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def unheard(text: str) -> None:
    """Where nobody shows how far a task has come."""


def here(function: Callable[..., Iterable[Any]], *arguments: Any) -> Iterable[Any]:
    """What a function gives, item by item, in this process."""
    return function(*arguments)


@dataclass(frozen=True)
class Worker:
    """Who does a task.

    Args:
        number: of the worker among its engine's, from 0; decides which accelerator it takes.
        say: shows how far it has come with its task.
        stream: calls a function that gives items one by one, and gives them; elsewhere perhaps, and ahead.
        turn: what is for one task at a time, where the next one begins before: the accelerator.
        place: the machine that it is on, where others are on other machines; empty otherwise.
    """

    number: int = 0
    say: Callable[[str], None] = unheard
    stream: Callable[..., Iterable[Any]] = here
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)
    place: str = ""


@dataclass(frozen=True)
class WorkerDied:
    """What a task comes to over which worker after worker died: for lack of memory, or by a fault of a library.

    Args:
        tries: how many did.
    """

    tries: int


# Called once in every worker: loads what is needed, and gives what is done to each task.
Prepare = Callable[[Worker], Callable[[Any], Any]]


class Engine(Protocol):
    """Does one work over many tasks."""

    @property
    def elsewhere(self) -> bool:
        """Whether the work is done outside this process, so that it and its tasks must be picklable."""
        ...

    def run(self, prepare: Prepare, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Every task with its result, as they are done, in no fixed order.

        Args:
            prepare: makes the work in each worker.
            tasks: taken one by one, as workers come free.

        Yields:
            A task, and what the work gave for it; `WorkerDied` for one that kills its workers.

        Raises:
            TokenBenchError: the work could not be prepared. Whatever the work raises is raised here too.
        """
        ...


def always(function: Callable[[Task], Result]) -> Prepare:
    """The preparation of work that needs none.

    Args:
        function: of a module, so that other processes can import it.
    """
    return partial(_given, function)


def _given(function: Callable[[Task], Result], worker: Worker) -> Callable[[Task], Result]:
    return function
