"""One function over many tasks in worker processes, of which any may die."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerDied:
    """What a task comes to whose worker process died over it: killed for its memory, or by a fault of a library."""


def run_tasks(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Result | WorkerDied]]:
    """Every task with its result, as they are done.

    Args:
        function: of a module, so that a new process can import it; raises nothing that a task may cause.
        tasks: that can be pickled.
        workers: processes; 1 works in this one.

    Yields:
        In no fixed order. When a worker dies, the tasks that were under way are done again, one at a time, so that
        only the one that killed it has no result.
    """
    if workers == 1:
        yield from ((task, function(task)) for task in tasks)
        return
    todo, suspects = deque(tasks), deque[Task]()
    while todo or suspects:
        if suspects:
            alone = deque([suspects.popleft()])
            if left := (yield from _run(function, alone, 1)):
                yield left[0], WorkerDied()
        else:
            suspects.extend((yield from _run(function, todo, workers)))


def _run(
    function: Callable[[Task], Result], todo: deque[Task], workers: int
) -> Generator[tuple[Task, Result | WorkerDied], None, list[Task]]:
    """Take tasks from `todo` until there are none, or a worker dies; the tasks that were under way are returned."""
    others = set(active_children())
    executor = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_ignore_interrupts)
    under_way: dict[Future[Result], Task] = {}
    try:
        while todo or under_way:
            while todo and len(under_way) < 2 * workers:
                future = executor.submit(function, todo[0])
                under_way[future] = todo.popleft()
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                result = future.result()
                yield under_way.pop(future), result
    except BrokenProcessPool:
        return list(under_way.values())
    except BaseException:
        # Interrupted, or nobody wants the rest: what is half done would be thrown away in any case.
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
    return []


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the first one alone decides what to do about it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
