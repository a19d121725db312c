"""The loop of a training: steps, and between them evaluations and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tokenbench_cosmos.tokenizer import CosmosTokenizer, CosmosVideoTokenizer
from tokenbench_cosmos.training.checkpoints import write_checkpoint
from tokenbench_cosmos.training.data import Loader
from tokenbench_cosmos.training.distributed import agreed, gather, mean
from tokenbench_cosmos.training.evaluate import Evaluator
from tokenbench_cosmos.training.learner import Learner
from tokenbench_cosmos.training.logbook import Logbook
from tokenbench_cosmos.training.losses.settings import TERMS
from tokenbench_cosmos.training.state import State
from tokenbench_cosmos.training.step import Machine, add_gradients


@dataclass(kw_only=True)
class Run:
    """A training on its way.

    Args:
        machine: what stays the same.
        state: what changes.
        batches: mini-batches of this process, from that of the next step on.
        evaluator: clips that are not trained on; None where nothing is evaluated.
        logbook: of the first process; None in the others.
        out: folder of the run.
        facts: what checkpoints say of the run beside its state.
        keep_best: called where an evaluation is the best so far.
        scores: of the last evaluation.
    """

    machine: Machine
    state: State
    batches: Loader
    evaluator: Evaluator | None
    logbook: Logbook | None
    out: Path
    facts: Mapping[str, Any]
    keep_best: Callable[[], None]
    scores: dict[str, float] = field(default_factory=dict)


def train(run: Run, interrupted: Callable[[], bool]) -> None:
    """Do the steps that are left.

    Args:
        run: at its beginning, or as a checkpoint had it.
        interrupted: whether the user wants it to end.

    Raises:
        KeyboardInterrupt: the user has ended the run; its state is written.
        Diverged: the training has gone wrong; the checkpoints before are as they were.
        OutputError: the disk is full; the same.
    """
    recipe, state = run.machine.recipe, run.state
    if state.step == 0:
        evaluate(run)
    with _bar(run) as bar:
        while state.step < recipe.steps:
            began = time.monotonic()
            loss = step(run)
            state.seconds += time.monotonic() - began
            done = state.step == recipe.steps
            leave = agreed(interrupted(), run.machine.world)
            if done or _due(state.step, recipe.evaluation.every):
                evaluate(run)
            if done or leave or _due(state.step, recipe.checkpoints.every):
                save(run)
            bar.set_postfix_str(_said(run, loss), refresh=False)
            bar.update()
            if leave and not done:
                raise KeyboardInterrupt


def step(run: Run) -> float:
    """One step of the optimisers; gives the loss.

    Raises:
        Diverged: a loss is not finite or far above what it was, or a gradient is not finite.
    """
    machine, state, watch = run.machine, run.state, run.state.watch
    batches = list(islice(run.batches, machine.recipe.accumulate))
    number, kind = state.step + 1, "+".join(sorted({batch.kind for batch in batches}))

    def ids() -> list[str]:
        here = [name for batch in batches for name in batch.ids]
        return [name for part in gather(here, machine.world) for name in part]

    terms = mean(add_gradients(machine, state, batches), machine.world)
    watch.check_finite(number, terms, ids)
    learners: dict[str, Learner[Any]] = {"network": state.network}
    if state.discriminator and "discriminator" in terms:
        learners["discriminator"] = state.discriminator
    norms = {name: learner.norm() for name, learner in learners.items()}
    if machine.recipe.precision != "float16":
        watch.check_finite(number, {f"gradient of the {name}": norm for name, norm in norms.items()}, ids)
    rates = {name: learner.step(state.step) for name, learner in learners.items()}
    state.average.update(state.network.module, state.step)
    state.step = number
    losses = machine.recipe.losses
    for name in losses.terms_changing(number - 1):
        watch.forget(name)
    # These fall as training goes on; what opponents make of each other may go anywhere.
    compared = {name: value for name, value in terms.items() if name in TERMS}
    sizes = {name: losses.size_of_error(name, value, number - 1) for name, value in compared.items()}
    watch.check_level(number, kind, sizes, ids)
    if run.logbook:
        run.logbook.step(number, {"kind": kind, "terms": terms, "norms": norms, "rates": rates})
    return sum(compared.values())


def evaluate(run: Run) -> None:
    """Score the averaged weights, and keep them where they are the best so far."""
    if run.evaluator is None:
        return
    recipe, state = run.machine.recipe, run.state
    scores = run.evaluator.score(tokenizer_of(run), recipe.logging.pictures if run.logbook else 0)
    run.scores = scores.values
    if run.logbook:
        run.logbook.evaluation(state.step, scores.values, scores.pictures)
    best = recipe.checkpoints.best
    if best != "none" and state.step > 0 and scores.values[best] > (-math.inf if state.best is None else state.best):
        state.best = scores.values[best]
        if run.machine.world.is_first:
            run.keep_best()


def save(run: Run) -> None:
    """Write a checkpoint, after all that was noted until then."""
    tensors = run.state.tensors()
    if run.logbook:
        run.logbook.flush()
        numbers = {**run.facts, **run.state.numbers(), "scores": run.scores}
        write_checkpoint(run.out, run.state.step, tensors, numbers, run.machine.recipe.checkpoints.keep)


def tokenizer_of(run: Run) -> CosmosTokenizer:
    """The averaged weights as a tokenizer."""
    module = run.state.average.module
    made = CosmosVideoTokenizer if module.config.is_video else CosmosTokenizer
    return made(run.machine.recipe.network.card().info, module)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _bar(run: Run) -> Any:
    recipe = run.machine.recipe
    return tqdm(
        desc=recipe.name,
        total=recipe.steps,
        initial=run.state.step,
        unit="step",
        dynamic_ncols=True,
        disable=run.logbook is None,
    )


def _said(run: Run, loss: float) -> str:
    scores = "".join(f", {name} {value:.4g}" for name, value in run.scores.items())
    return f"loss {loss:.4f}{scores}, waiting for data {run.batches.waiting:.0%}"
