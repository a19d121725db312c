"""What a worker does to a clip: score it for one run, or for several in one pass over its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch

from tokenbench.engine import Worker
from tokenbench.engine.contract import unheard
from tokenbench.errors import OUT_OF_MEMORY, OutputError, TokenBenchError
from tokenbench.evaluation.device import device_of_worker, open_device
from tokenbench.evaluation.environment import device_name
from tokenbench.evaluation.job import Conditions, Job, Scoring
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.outcome import Failed, Outcomes, ScoreTask
from tokenbench.evaluation.pieces import limited_to
from tokenbench.evaluation.references import References
from tokenbench.evaluation.source import Chunks, ClipSource
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.media.stamp import Stamp, refuse_changed, stamp
from tokenbench.registry import load_tokenizer


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How a worker in another process comes by a scoring.

    Args:
        name: of the tokenizer, as `load_tokenizer` takes it.
        weights: likewise.
        settings: likewise.
        conditions: without networks.
    """

    name: str
    weights: str | None
    settings: Mapping[str, Any]
    conditions: Conditions

    def load(self, device: torch.device, measures: Measures) -> Scoring:
        """The scoring on a device, with networks that are loaded there."""
        compute = Compute(device, self.conditions.compute.dtype)
        # The command's machine may have another device.
        environment = {**self.conditions.known.environment, "device_name": device_name(str(device))}
        known = replace(self.conditions.known, environment=environment)
        settings = dict(self.settings)
        tokenizer = load_tokenizer(self.name, weights=self.weights, device=device, dtype=compute.dtype, **settings)
        return Scoring(tokenizer, replace(self.conditions, compute=compute, measures=measures, known=known))


def prepare_openings(openings: Sequence[Opening], worker: Worker) -> Callable[[ScoreTask], Outcomes]:
    """Load what several runs score with, on the worker's device; networks that they share are loaded once."""
    conditions = openings[0].conditions
    device = open_device(str(device_of_worker(conditions.compute.device, worker.number)))
    loaded = conditions.measures.loaded(device)
    scorings = [opening.load(device, loaded) for opening in openings]
    return prepare_scorings(scorings, worker)


def prepare_scorings(scorings: Sequence[Scoring], worker: Worker) -> Callable[[ScoreTask], Outcomes]:
    """What is done to a task whose item is a clip."""
    return lambda task: score_together(task.item, [scorings[number] for number in task.wanted], worker)


def score_together(clip: Clip, scorings: Sequence[Scoring], worker: Worker) -> Outcomes:
    """Score a clip for several runs of one protocol; what is known of it is not done again."""
    try:
        before = stamp(clip)
        probed = clip.probed()
        # They go side by side, so that the first one's progress stands for all.
        jobs = [Job(probed, scoring, unheard if number else worker.say) for number, scoring in enumerate(scorings)]
        left = [job for job in jobs if not job.is_done]
        scored = iter(_score_side_by_side(probed, before, left, worker) if left else [])
    except TokenBenchError as error:
        return [Failed(f"{error}{_missing(clip, worker)}", isinstance(error, OutputError))] * len(scorings)
    except MemoryError:
        return [Failed(OUT_OF_MEMORY)] * len(scorings)
    return [job.known.scored() if job.is_done else next(scored) for job in jobs]


def _score_side_by_side(probed: Clip, before: Stamp, jobs: Sequence[Job], worker: Worker) -> Outcomes:
    """Decode a clip, and compute its own features, once for all that need them."""
    conditions = jobs[0].conditions
    source = ClipSource(probed, conditions.protocol.frames, worker.stream)
    missing = [name for job in jobs for name in job.known.missing]
    networks = limited_to(conditions.measures, missing)
    references = References(probed, conditions.protocol, networks, conditions.known)
    feeds = [source.chunks()] if len(jobs) == 1 else source.shared(len(jobs))
    with worker.turn:
        outcomes = _attempts(jobs, feeds, references)
    refuse_changed(probed, before)
    traits = source.traits()
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, ScoredClip):
            if not outcome.record.traits:
                outcome.record.traits.update(traits)
            job.known.keep(outcome)
    references.keep()
    return outcomes


def _attempts(jobs: Sequence[Job], feeds: Sequence[Chunks], references: References) -> Outcomes:
    if len(jobs) == 1:
        return [jobs[0].attempt(feeds[0], references)]
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="scoring") as threads:
        return list(threads.map(lambda job, chunks: job.attempt(chunks, references), jobs, feeds))


def _missing(clip: Clip, worker: Worker) -> str:
    """Where a file is missing that other machines may have."""
    return "" if not worker.place or clip.path.exists() else f" on {worker.place}, and let all nodes share it"
