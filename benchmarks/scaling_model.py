"""How long an evaluation takes, from what its stages cost: it takes as long as its busiest resource is busy.

A worker takes clip after clip. Within a clip, frames are decoded while those before them go through the tokenizer and
are measured, so that the stages of a worker overlap; what comes before the first frame and after the last one does not.
The storage and the command, which writes the journals, serve all workers. To this come the run's start and its end.

Source:
    Lazowska, Zahorjan, Graham and Sevcik, Quantitative System Performance (1984), chapter 5, asymptotic bounds: a
    system's rate is at most one over the largest demand on any of its resources.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

# `worker`: while it lasts, nothing else goes on in that worker. `command`: the process that was started by the user.
Resource = Literal["storage", "cores", "gpus", "worker", "command"]

# One for all workers; the others are shared out among them.
_COMMON: tuple[Resource, ...] = ("storage", "command")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is done to a clip, and what it costs.

    Args:
        name: for people.
        resource: that it keeps busy.
        frame_ms: milliseconds of one core, one GPU, or the resource as a whole, a frame.
        clip_ms: the same, a clip.
        shared: whether several tokenizers in one pass need it only once.
    """

    name: str
    resource: Resource
    frame_ms: float = 0.0
    clip_ms: float = 0.0
    shared: bool = False

    def seconds(self, work: Work) -> float:
        """Of its resource, for one clip."""
        times = 1 if self.shared else work.tokenizers
        return times * (self.clip_ms + self.frame_ms * work.frames) / 1000


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is evaluated.

    Args:
        clips: how many.
        frames: of a clip, on average.
        tokenizers: how many.
        together: in one pass over the clips; otherwise one command after the other.
    """

    clips: int
    frames: float
    tokenizers: int = 1
    together: bool = True


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What does it.

    Args:
        workers: processes, of which each takes a clip at a time.
        cores: of all workers.
        gpus: of all workers; 0 where networks run on cores.
        start: seconds until workers have what they need.
        end: seconds from the last clip to the result, for each tokenizer; merging included.
    """

    workers: int
    cores: float
    gpus: int = 0
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """What is to be expected.

    Args:
        seconds: of the clock, from the command to its result.
        busy: share of those seconds in which each resource is busy; of several cores or GPUs, their mean.
    """

    seconds: float
    busy: dict[Resource, float]

    @property
    def saturated(self) -> Resource:
        """The resource that the others wait for."""
        return max(self.busy, key=lambda resource: self.busy[resource])


def predict(stages: Sequence[Stage], work: Work, machine: Machine) -> Prediction:
    """The time of a run.

    Args:
        stages: of every clip; those on GPUs need a machine that has some.
        work: what is evaluated.
        machine: what does it.

    Raises:
        ValueError: a stage needs a GPU and there is none.
    """
    if not work.together:
        alone = predict(stages, replace(work, tokenizers=1, together=True), machine)
        return Prediction(alone.seconds * work.tokenizers, alone.busy)
    demand = demands(stages, work)
    if demand.get("gpus") and not machine.gpus:
        raise ValueError("a stage needs a GPU, and the machine has none")
    of_clip = _overlapped(demand, machine) + demand.get("worker", 0.0)
    rounds = math.ceil(work.clips / machine.workers)
    common = [demand.get(resource, 0.0) * work.clips for resource in _COMMON]
    seconds = machine.start + max(rounds * of_clip, *common) + machine.end * work.tokenizers
    servers = {"cores": machine.cores, "gpus": machine.gpus, "worker": machine.workers}
    return Prediction(
        seconds,
        {
            resource: one_clip * work.clips / servers.get(resource, 1) / seconds
            for resource, one_clip in demand.items()
            if one_clip
        },
    )


def demands(stages: Sequence[Stage], work: Work) -> dict[Resource, float]:
    """Seconds that one clip takes of each resource."""
    total: dict[Resource, float] = {}
    for stage in stages:
        total[stage.resource] = total.get(stage.resource, 0.0) + stage.seconds(work)
    return total


def workers_until_common(stages: Sequence[Stage], work: Work, machine: Machine) -> tuple[float, Resource] | None:
    """How many workers of this kind keep storage or command busy, and which; None where nothing is common to them.

    Args:
        stages: of every clip.
        work: what is evaluated.
        machine: whose cores and GPUs grow with its workers.
    """
    demand = demands(stages, work)
    of_clip = _overlapped(demand, machine) + demand.get("worker", 0.0)
    limits = [(of_clip / demand[resource], resource) for resource in _COMMON if demand.get(resource)]
    return min(limits) if limits else None


def _overlapped(demand: dict[Resource, float], machine: Machine) -> float:
    """Seconds of a clip in a worker while its frames pass: those of its busier side."""
    cores = demand.get("cores", 0.0) * machine.workers / machine.cores
    gpus = demand["gpus"] * machine.workers / machine.gpus if demand.get("gpus") else 0.0
    return max(cores, gpus)
