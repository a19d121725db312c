"""A recipe: everything that decides what a training gives, as one record read from TOML files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tokenbench.datasets.table import read_table
from tokenbench.errors import Problems
from tokenbench.recipes import read_layers
from tokenbench_cosmos.training.architecture import NetworkSettings
from tokenbench_cosmos.training.data import DataSettings
from tokenbench_cosmos.training.discriminator import least_side
from tokenbench_cosmos.training.losses import LossSettings
from tokenbench_cosmos.training.schedule import OptimiserSettings

RECIPES = Path(__file__).parents[1] / "recipes"

# What may change when a run goes on: it does not change a bit of what is learned.
_FREE = (
    *("name", "weights", "checkpoints", "evaluation", "logging", "watch"),
    *("data.workers", "data.cache", "data.cache_bytes"),
)

# torch's generator takes no larger ones.
_SEEDS = 2**64

_DISCRIMINATOR_LR = 4e-4

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """The table `checkpoints`.

    Args:
        every: steps from one to the next; there is also one at the end, and when the run is interrupted.
        keep: the newest so many are kept.
        best: the averaged weights with the best value of this kind on the evaluation set are kept in the folder
            `best`; "none" keeps none.
    """

    every: int = 1000
    keep: int = 2
    best: Literal["psnr", "ssim", "none"] = "psnr"


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """The table `evaluation`: PSNR and SSIM of the averaged weights on clips that are not trained on.

    Args:
        every: steps from one to the next, beginning before the first step; 0 never evaluates.
        dataset: as `tokenbench.datasets.catalog.open_dataset` takes it.
        frames: of each clip, from its first on; fewer where the network takes 1 + a multiple of its compression.
        size: longest side of the crop, around the middle, that is evaluated; 0 takes whole frames.
        limit: only the first so many clips; 0 takes all.
    """

    every: int = 1000
    dataset: str = "mini"
    frames: int = 9
    size: int = 256
    limit: int = 0


@dataclass(frozen=True, kw_only=True)
class LoggingSettings:
    """The table `logging`.

    Args:
        every: steps between two points of TensorBoard's curves; `log.jsonl` has every step.
        tensorboard: also write events for TensorBoard.
        pictures: reconstructions shown there at each evaluation.
    """

    every: int = 10
    tensorboard: bool = True
    pictures: int = 4


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """The table `watch`: when a run is stopped because it diverges.

    Args:
        factor: a loss term is too large above so many times its running median; 0 looks for NaN and infinity only.
        window: mini-batches that the median is taken over, of images and of videos apart.
        patience: so many mini-batches of one kind in a row with a too large term stop the run.
    """

    factor: float = 10.0
    window: int = 100
    patience: int = 20


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained, on what, and how.

    Args:
        network: what is trained.
        data: that it is trained on.
        steps: of the optimiser.
        name: of the run; by default that of its files.
        trainer: who understands this recipe.
        start: weights to begin with: a file, or the folder of an earlier run; empty begins with random ones.
        seed: of the random weights and of the samples.
        losses: what is minimised.
        optimiser: of the network.
        discriminator: the optimiser of the discriminator, where the losses have one.
        accumulate: mini-batches of each process whose gradients make one step.
        ema: decay of the moving average of the weights, per step; it is what is evaluated and exported. The average
            over the first n steps has the decay (1 + n) / (10 + n) where that is less.
        precision: of the arithmetic; weights, averages and the optimiser are float32 in any case.
        weights: as which the averaged weights are written at the end, and evaluated from there on by who loads them.
        compile: compile the network by torch.compile.
        recompute: recompute the activations in the backward pass instead of keeping them.
        parallel: how several processes share the work: each has all weights, or a part of them.
        checkpoints: when the state is written.
        evaluation: of the averaged weights.
        logging: what is written on the way.
        watch: when to stop.
    """

    network: NetworkSettings
    data: DataSettings
    steps: int
    name: str = ""
    trainer: str = "cosmos"
    start: str = ""
    seed: int = 0
    losses: LossSettings = field(default_factory=LossSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    discriminator: OptimiserSettings = field(default_factory=lambda: OptimiserSettings(lr=_DISCRIMINATOR_LR))
    accumulate: int = 1
    ema: float = 0.9999
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    weights: Literal["float32", "float16"] = "float32"
    compile: bool = False
    recompute: bool = False
    parallel: Literal["ddp", "fsdp"] = "ddp"
    checkpoints: CheckpointSettings = field(default_factory=CheckpointSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def course(self) -> dict[str, Any]:
        """What decides the result, as dotted keys: a run goes on only where all of it is the same.

        With constant learning rates a run may become longer.
        """
        constant = self.optimiser.decay == self.discriminator.decay == "constant"
        free = (*_FREE, "steps") if constant else _FREE
        return {key: value for key, value in _flat(self.as_dict()).items() if not _is_one_of(key, free)}

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that stand for `course`."""
        return hashlib.sha256(json.dumps(self.course(), sort_keys=True).encode()).hexdigest()[:8]


def read_recipe(files: Sequence[str], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe out of one or more files: where two say something of one key, the later one counts.

    Args:
        files: paths, or names of recipes that come with this package, such as "cv-4x8x8" and "stage1".
        overrides: "table.key=value"; values as TOML has them, or plain text.

    Raises:
        TokenBenchError: a file is missing or no TOML; a key is unknown, a value is of the wrong kind.
        Problems: values of the right kind that mean nothing, a line each.
    """
    where = " + ".join(files)
    table = read_layers(files, overrides, RECIPES)
    if isinstance(given := table.get("discriminator"), Mapping):
        # A table that says something else keeps the discriminator's own default, not the network's.
        table["discriminator"] = {"lr": _DISCRIMINATOR_LR, **given}
    recipe = read_table(Recipe, table, where)
    if lines := _wrong(recipe):
        raise Problems([f"{where}: {line}" for line in lines])
    return recipe


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Keys of two courses whose values differ, such as "optimiser.lr was 0.0001, is 0.001"."""
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key} was {old.get(key)!r}, is {new.get(key)!r}" for key in keys]


def _wrong(recipe: Recipe) -> list[str]:
    """Values of the right kind that mean nothing."""
    lines = []
    if not _NAME.fullmatch(recipe.name):
        lines.append(f"name is {recipe.name!r}, expected letters, digits, '.', '_' and '-'")
    least = {
        "steps": recipe.steps,
        "accumulate": recipe.accumulate,
        "checkpoints.every": recipe.checkpoints.every,
        "checkpoints.keep": recipe.checkpoints.keep,
        "evaluation.frames": recipe.evaluation.frames,
        "logging.every": recipe.logging.every,
        "watch.window": recipe.watch.window,
        "watch.patience": recipe.watch.patience,
    }
    lines += [f"{name} is {value}, expected 1 or more" for name, value in least.items() if value < 1]
    if recipe.seed >= _SEEDS:
        lines.append(f"seed is {recipe.seed}, expected less than 2**64")
    if recipe.trainer != Recipe.trainer:
        lines.append(f"trainer is {recipe.trainer!r}, which only a recipe's file can say; leave it out of --set")
    if recipe.network.initialisation == "wider" and not recipe.start:
        lines.append("network.initialisation is 'wider', which begins with an earlier run; set start to its folder")
    if not 0 <= recipe.ema < 1:
        lines.append(f"ema is {recipe.ema}, expected 0 or more and less than 1")
    if recipe.watch.factor and recipe.watch.factor <= 1:
        lines.append(f"watch.factor is {recipe.watch.factor}, expected more than 1, or 0")
    if recipe.parallel == "fsdp" and recipe.losses.adversarial != "none" and recipe.losses.adaptive_weight:
        lines.append("losses.adaptive_weight needs the whole last layer; set it to false, or parallel to 'ddp'")
    lines += _said_by(recipe.data.check) + _said_by(recipe.losses.check)
    lines += recipe.optimiser.wrong("optimiser") + recipe.discriminator.wrong("discriminator")
    return lines + recipe.network.wrong(recipe.data) + _too_small_to_be_judged(recipe)


def _too_small_to_be_judged(recipe: Recipe) -> list[str]:
    """Samples that the discriminator does not take: it may begin long after the first step."""
    losses = recipe.losses
    if losses.adversarial == "none" or losses.adversarial_weight == 0:
        return []
    least = least_side(losses.discriminator_layers)
    return [
        f"{words}, expected {least} or more for a discriminator of {losses.discriminator_layers} layers"
        for words, side in recipe.data.sides()
        if side < least
    ]


def _said_by(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except Problems as problems:
        return list(problems.lines)
    return []


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def _is_one_of(key: str, tables: Sequence[str]) -> bool:
    return any(key == table or key.startswith(f"{table}.") for table in tables)
