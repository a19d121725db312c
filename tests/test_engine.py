from __future__ import annotations

import signal
import time
from multiprocessing import active_children
from pathlib import Path

import pytest
from pool_support import die_of_three, die_once, sleep, square

from tokenbench.engine import Processes, WorkerDied, always, local_engine


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(workers: int) -> None:
    done = list(local_engine(workers).run(always(square), range(20)))
    assert sorted(done) == [(number, number * number) for number in range(20)]


def test_only_the_task_that_kills_its_worker_has_no_result() -> None:
    done = dict(Processes(2).run(always(die_of_three), range(8)))
    assert isinstance(done.pop(3), WorkerDied)
    assert done == {number: number for number in range(8) if number != 3}


def test_a_worker_that_dies_while_nobody_waits_for_it_costs_no_task(tmp_path: Path) -> None:
    asked, dead = tmp_path / "asked", tmp_path / "dead"
    work = iter(Processes(2).run(always(die_once), [(number, asked, dead) for number in range(12)]))
    _, first = next(work)
    asked.touch()
    # The pool ends the other workers too, before anything more is asked of it.
    while active_children():
        time.sleep(0.01)
    assert sorted([first, *(result for _, result in work)]) == list(range(12))


def test_leaving_early_stops_what_is_under_way(tmp_path: Path) -> None:
    started = time.monotonic()
    begun = [tmp_path / "a", tmp_path / "b"]
    work = iter(Processes(2).run(always(sleep), begun))

    def interrupt(*_: object) -> None:
        if not all(path.exists() for path in begun):
            signal.alarm(1)
            return
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(1)
    with pytest.raises(KeyboardInterrupt):
        next(work)
    signal.signal(signal.SIGALRM, before)
    # The tasks themselves would take ten minutes.
    assert time.monotonic() - started < 300
