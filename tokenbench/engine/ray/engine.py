"""Tasks for the actors of a Ray cluster, which may die alone or with their nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenbench.engine.contract import Prepare, Task, WorkerDied
from tokenbench.engine.ray.cluster import Lost, connect, received, refuse_too_small
from tokenbench.engine.ray.worker import Actor
from tokenbench.errors import TokenBenchError

# Of a task: once beside others, which may have been to blame, and then alone. Of a worker that does not start.
_TRIES = 3

# Tasks that a worker has: the one that it does, and the next, so that it never waits for the driver.
_DEPTH = 2


@dataclass(frozen=True)
class RayEngine:
    """Actors of a Ray cluster; one that dies, alone or with its node, is started again where there is room.

    Args:
        workers: how many; those for which the cluster has no room yet join when it has.
        on_gpu: whether each takes a GPU of its own, and streams are made by tasks that take a CPU each; otherwise a
            worker takes a CPU.
        address: of a running cluster; None starts one on this machine, which ends with this process.
    """

    workers: int
    on_gpu: bool = False
    address: str | None = None
    elsewhere: bool = True

    def run(self, prepare: Prepare, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Every task with its result, as they are done."""
        queue = _Queue(tasks)
        if queue:
            # Where there is nothing to do, no cluster is needed.
            connect(self.address, cpus=None if self.on_gpu else self.workers)
            refuse_too_small(self.on_gpu)
            yield from _run([_Seat(number, prepare, self.on_gpu) for number in range(self.workers)], queue)


@dataclass(eq=False)
class _Attempt:
    """A task, and how many workers have died over it."""

    task: Any
    deaths: int = 0

    def die(self) -> bool:
        """One more has; whether that is enough."""
        self.deaths += 1
        return self.deaths == _TRIES


class _Queue:
    """Tasks that no worker has; those over which one has died go first."""

    def __init__(self, tasks: Iterable[Any]) -> None:
        self._fresh = map(_Attempt, tasks)
        self._next = next(self._fresh, None)
        self.suspects: deque[_Attempt] = deque()

    def __bool__(self) -> bool:
        return bool(self.suspects) or self._next is not None

    def take(self) -> _Attempt | None:
        """A task; None where there is none at present."""
        if self.suspects:
            return self.suspects.popleft()
        taken, self._next = self._next, next(self._fresh, None)
        return taken


@dataclass(eq=False)
class _Seat:
    """A worker's place: which has it now, and what was given to it."""

    number: int
    prepare: Prepare
    on_gpu: bool
    actor: Any = None
    runs: bool = False
    failures: int = 0
    attempts: list[_Attempt] = field(default_factory=list)

    def start(self) -> Any:
        """Put a new worker there, whatever is left of the one before; an answer comes when it runs."""
        import ray

        self.stop()
        needs = {"num_cpus": 0, "num_gpus": 1} if self.on_gpu else {"num_cpus": 1}
        # On a GPU the next task's stream begins while the worker is busy with the one before it.
        remote = ray.remote(Actor).options(max_concurrency=_DEPTH if self.on_gpu else 1, **needs)
        self.actor = remote.remote(self.number, self.prepare, Path.cwd(), self.on_gpu)
        return self.actor.begin.remote()

    def stop(self) -> None:
        """End its worker."""
        import ray

        self.runs = False
        if self.actor is not None:
            ray.kill(self.actor)

    def fail(self, lost: Lost) -> None:
        """Its worker has died before it ran.

        Raises:
            TokenBenchError: so did those before it.
        """
        self.failures += 1
        if self.failures == _TRIES:
            raise TokenBenchError(f"Ray does not start a worker: {lost}") from lost

    def take(self, queue: _Queue) -> _Attempt | None:
        """The next task that can be given to its worker; one over which a worker has died is to be alone."""
        if not self.runs or len(self.attempts) == _DEPTH or any(attempt.deaths for attempt in self.attempts):
            return None
        if queue.suspects and self.attempts:
            return None
        if attempt := queue.take():
            self.attempts.append(attempt)
        return attempt


def _run(seats: list[_Seat], queue: _Queue) -> Iterator[tuple[Any, Any]]:
    import ray

    # Answers that will come; one without an attempt says that a worker runs.
    waiting: dict[Any, tuple[_Seat, _Attempt | None]] = {}
    try:
        for seat in seats:
            waiting[seat.start()] = seat, None
        while queue or any(seat.attempts for seat in seats):
            for seat in seats:
                while attempt := seat.take(queue):
                    waiting[seat.actor.do.remote(attempt.task)] = seat, attempt
            (answer,), _ = ray.wait(list(waiting), num_returns=1)
            seat, attempt = waiting.pop(answer)
            if attempt is not None:
                seat.attempts.remove(attempt)
            try:
                result = received(answer)
            except Lost as lost:
                seat.stop()
                if attempt is None:
                    seat.fail(lost)
                elif attempt.die():
                    yield attempt.task, WorkerDied(attempt.deaths)
                else:
                    queue.suspects.append(attempt)
                # Answers for its other tasks are lost too, and come at once.
                if not seat.attempts:
                    waiting[seat.start()] = seat, None
                continue
            if attempt is None:
                seat.runs, seat.failures = True, 0
            else:
                yield attempt.task, result
    finally:
        for seat in seats:
            seat.stop()
