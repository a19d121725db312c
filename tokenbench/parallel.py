"""One pool of threads for kernels that release the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


# What libraries ask when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# FFmpeg's MAX_AUTO_THREADS.
_MOST_MEDIA_THREADS = 16

_shared_by = 1


def cores() -> int:
    """Cores that this process may use, one at least."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // _shared_by)


def media_threads() -> int:
    """Threads of a decoder or filter: one a core, but no more than FFmpeg itself would take, for each holds frames."""
    return min(cores(), _MOST_MEDIA_THREADS)


def share_cores(processes: int) -> None:
    """This process is one of so many that share the cores; libraries that are loaded later use its share of threads.

    What the environment says already is left as it is.
    """
    global _shared_by
    _shared_by = processes
    for name in _THREADS:
        os.environ.setdefault(name, str(cores()))


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of every item, in order, computed side by side on all cores.

    Not to be called from inside `function`: tasks that wait for tasks of the same pool may wait for ever.
    """
    if cores() == 1:
        return [function(item) for item in items]
    return list(_pool().map(function, items))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="tokenbench")


# A forked child inherits the pool but not its threads, and would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
