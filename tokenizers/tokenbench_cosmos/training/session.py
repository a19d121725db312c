"""From a recipe to weights: the trainer that the harness calls."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tokenbench.errors import TokenBenchError
from tokenbench.files import locked, remove_unfinished, write_text
from tokenbench_cosmos.training.checkpoints import CHECKPOINTS, newest, read_checkpoint
from tokenbench_cosmos.training.data import TrainingData, build_data, loader, naming_dead_workers
from tokenbench_cosmos.training.distributed import World, gather, joined
from tokenbench_cosmos.training.evaluate import Evaluator
from tokenbench_cosmos.training.logbook import Logbook
from tokenbench_cosmos.training.loop import Run
from tokenbench_cosmos.training.loop import train as train_steps
from tokenbench_cosmos.training.losses import build_losses
from tokenbench_cosmos.training.outcome import write_weights
from tokenbench_cosmos.training.prepare import shared
from tokenbench_cosmos.training.recipe import Recipe, differences, read_recipe
from tokenbench_cosmos.training.state import State, first_state
from tokenbench_cosmos.training.step import Machine
from tokenbench_cosmos.training.watch import Diverged

RECIPE, BEST = "recipe.json", "best"

Say = Callable[[str], None]


def train(
    recipes: Sequence[str],
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    device: str = "cpu",
    resume: bool = False,
    networks: Mapping[str, str] | None = None,
    say: Say = print,
) -> str:
    """Train by a recipe; a run that was interrupted goes on where its last checkpoint was.

    Args:
        recipes: files, or names of recipes that come with this package, of which later ones are laid over earlier ones.
        overrides: "table.key=value".
        out: folder of the run; by default one under runs/ that is named after the recipe.
        device: torch device; "cuda" is a GPU for each process of a machine.
        resume: refuse to begin a new run.
        networks: files of networks that losses stand on, by name.
        say: shows a line to the user.

    Returns:
        Why the run was stopped before its end, in one line; empty where it has ended well.

    Raises:
        TokenBenchError: the recipe, the data or the folder will not do.
        OutputError: the disk is full; what is done is kept.
        KeyboardInterrupt: interrupted; what is done is kept.
    """
    recipe = read_recipe(recipes, overrides)
    out = out or Path("runs", f"train-{recipe.name}-{recipe.fingerprint()}")
    with joined(device) as world, _only_run(out, world):
        said = say if world.is_first else _nothing
        _settle(out, recipe, world, resume=resume)
        data = _data(recipe, world, said)
        run = _open(recipe, data, world, out, networks or {}, said)
        if world.is_first:
            # Not before: a mistake that is found until here, and mended, makes no other run.
            write_text(out / RECIPE, json.dumps(recipe.course(), indent=2) + "\n")
        try:
            with _interruptible() as interrupted, naming_dead_workers():
                train_steps(run, interrupted)
        except Diverged as error:
            kept = newest(out)
            return f"{error}; {f'the state before is kept in {kept}' if kept else 'there was no checkpoint yet'}"
        finally:
            run.batches.close()
            if run.logbook:
                run.logbook.close()
        if world.is_first:
            write_weights(run, out)
            said(f"written to {out}")
        # The others wait: torchrun ends them all when one has ended.
        gather(None, world)
    return ""


def _settle(out: Path, recipe: Recipe, world: World, *, resume: bool) -> None:
    """Refuse a folder that holds another run."""
    path = out / RECIPE
    if not path.is_file():
        if resume:
            raise TokenBenchError(f"{out} holds no run to go on with; leave out --resume, or name its folder by --out")
        if out.is_dir() and any(out.glob("*.safetensors")):
            raise TokenBenchError(f"{out} holds weights already; choose another folder by --out")
    else:
        try:
            changed = differences(json.loads(path.read_text()), recipe.course())
        except (OSError, ValueError, AttributeError) as error:
            raise TokenBenchError(f"{path} is damaged: {error}; choose another folder by --out") from error
        if changed:
            raise TokenBenchError(
                f"{out} holds a run of another recipe: {'; '.join(changed[:3])}{'; ...' if changed[3:] else ''}; "
                "choose another folder by --out"
            )
    if world.is_first:
        remove_unfinished(out, out / CHECKPOINTS, out / BEST)


def _data(recipe: Recipe, world: World, say: Say) -> TrainingData:
    held_out = [recipe.evaluation.dataset] if recipe.evaluation.every else []
    with tqdm(desc="clips", unit="clip", dynamic_ncols=True, leave=False, disable=not world.is_first) as bar:

        def on_clip(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        data = build_data(recipe.data, recipe.seed, held_out=held_out, on_clip=on_clip)
    for note in data.notes:
        say(note)
    return data


def _open(
    recipe: Recipe,
    data: TrainingData,
    world: World,
    out: Path,
    networks: Mapping[str, str],
    say: Say,
) -> Run:
    losses = build_losses(recipe.losses, world.device, networks)
    evaluator = Evaluator(recipe.evaluation, recipe.network.config(), world) if recipe.evaluation.every else None
    state = first_state(recipe, world, data)
    digests = {"data_sha256": data.sha256, "clips_sha256": data.clips_sha256}
    facts = {"recipe": recipe.as_dict(), **digests, "processes": world.size}
    scores = _go_on(state, out, facts, say)
    network = state.network.module
    run = Run(
        machine=Machine(recipe=recipe, world=world, model=shared(network, recipe, world), losses=losses),
        state=state,
        batches=loader(data, state.step * recipe.accumulate, world.rank, world.size),
        evaluator=evaluator,
        logbook=Logbook(recipe.logging, out, state.step) if world.is_first else None,
        out=out,
        facts=facts,
        keep_best=_nothing,
        scores=scores,
    )
    run.keep_best = partial(write_weights, run, out / BEST)
    return run


def _go_on(state: State, out: Path, facts: Mapping[str, Any], say: Say) -> dict[str, float]:
    """Restore the newest checkpoint, where there is one; gives the scores of the last evaluation."""
    path = newest(out)
    if path is None:
        return {}
    tensors, numbers = read_checkpoint(path)
    for name, what in (("data_sha256", "the training data have"), ("processes", "the number of processes has")):
        if numbers[name] != facts[name]:
            raise TokenBenchError(
                f"{what} changed since {path}: {name} was {numbers[name]}, is {facts[name]}; put it back as it was, or "
                "choose another folder by --out"
            )
    state.restore(tensors, numbers)
    if _judged_by(numbers["recipe"]) != _judged_by(facts["recipe"]):
        state.best = None
    say(f"going on from {path}, after step {state.step}")
    scores: dict[str, float] = numbers["scores"]
    return scores


def _judged_by(recipe: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes the values of two evaluations comparable, and tells which of them is the best."""
    evaluation = recipe["evaluation"]
    return recipe["checkpoints"]["best"], *(evaluation.get(key) for key in ("dataset", "frames", "size", "limit"))


def _only_run(out: Path, world: World) -> AbstractContextManager[None]:
    """Refuse a folder that another run is writing to."""
    if not world.is_first:
        return nullcontext()
    return locked(out / ".lock", f"{out} is in use by another run; wait for it, or choose another folder by --out")


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C, and a request to terminate, end the run after the step at hand; the second one ends it at once."""
    asked: list[int] = []
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]

    def restore() -> None:
        for number, handler in before:
            signal.signal(number, handler)

    def note(number: int, _: object) -> None:
        asked.append(number)
        restore()

    for number, _ in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(asked)
    finally:
        restore()


def _nothing(*_: object) -> None:
    """Of processes that do not speak."""
