"""Work in this process, or in several processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from typing import Any

from tokenbench.engine.contract import Engine, Prepare, Task, Worker, WorkerDied, unheard
from tokenbench.parallel import share_cores

# The first time beside others, which may have been to blame; the second time alone.
_TRIES = 2


@dataclass(frozen=True)
class InProcess:
    """One worker: this process.

    Args:
        say: shows how far it has come with a task.
    """

    say: Callable[[str], None] = unheard
    elsewhere: bool = False

    def run(self, prepare: Prepare, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Every task with its result, in order."""
        work = prepare(Worker(say=self.say))
        for task in tasks:
            yield task, work(task)


@dataclass(frozen=True)
class Processes:
    """Worker processes of this machine, which share its cores evenly.

    When one dies, the tasks that were under way are done again, one at a time, so that only the one that killed it has
    no result.

    Args:
        workers: how many.
    """

    workers: int
    elsewhere: bool = True

    def run(self, prepare: Prepare, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Every task with its result, as they are done."""
        todo, suspects = iter(tasks), deque[Task]()
        while True:
            if suspects:
                alone = suspects.popleft()
                if (yield from _run(prepare, iter([alone]), 1)):
                    yield alone, WorkerDied(_TRIES)
                continue
            suspects.extend((yield from _run(prepare, todo, self.workers)))
            if not suspects:
                return


def local_engine(workers: int, say: Callable[[str], None] = unheard) -> Engine:
    """So many workers on this machine."""
    return InProcess(say) if workers == 1 else Processes(workers)


def _run(prepare: Prepare, todo: Iterator[Task], workers: int) -> Generator[tuple[Task, Any], None, list[Task]]:
    """Take tasks from `todo` until there are none, or a worker dies; the tasks that were under way are returned."""
    context = get_context("spawn")
    numbers = context.SimpleQueue()
    for number in range(workers):
        numbers.put(number)
    others = set(active_children())
    executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(numbers, workers))
    under_way: dict[Future[Any], Task] = {}
    # Taken, and not handed over yet: a worker may die at any time, and then no more is accepted.
    taken: list[Task] = []
    try:
        while True:
            # One more waits beside each that is being done, so that no worker waits for this loop.
            while len(under_way) < 2 * workers and (task := next(todo, _NOTHING)) is not _NOTHING:
                taken.append(task)
                future = executor.submit(_do, prepare, task)
                under_way[future] = taken.pop()
            if not under_way:
                return []
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                result = future.result()
                yield under_way.pop(future), result
    except BrokenProcessPool:
        return [*under_way.values(), *taken]
    except BaseException:
        # Interrupted, or nobody wants the rest: what is half done would be thrown away in any case.
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


_NOTHING: Any = object()

# Of this process, where it is a worker.
_worker = Worker()
_work: Callable[[Any], Any] | None = None


def _begin(numbers: Any, workers: int) -> None:
    """A worker process starts: it takes its number and its share of the cores."""
    global _worker
    # Ctrl-C reaches every process of a terminal; the first one alone decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    _worker = Worker(numbers.get())
    share_cores(workers)


def _end_with_parent() -> None:
    """A process that is killed tells nobody; its workers would wait for tasks for ever."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _do(prepare: Prepare, task: Any) -> Any:
    """A task in a worker process; the first one prepares the work, so that what is wrong with it is raised."""
    global _work
    if _work is None:
        _work = prepare(_worker)
    return _work(task)
