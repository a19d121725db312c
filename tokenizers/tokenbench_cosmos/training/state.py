"""Everything of a run that changes from step to step, and so must be saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.training.data import TrainingData
from tokenbench_cosmos.training.discriminator import PatchDiscriminator, build_discriminator
from tokenbench_cosmos.training.distributed import World
from tokenbench_cosmos.training.ema import Average
from tokenbench_cosmos.training.learner import Learner
from tokenbench_cosmos.training.prepare import first_network, prepare
from tokenbench_cosmos.training.recipe import Recipe
from tokenbench_cosmos.training.watch import Watch


@dataclass
class State:
    """Of a run.

    Args:
        network: that is trained.
        average: of its weights.
        discriminator: its opponent; None where the recipe has none.
        watch: over the losses.
        step: how many are done.
        seconds: that they took, over all sittings.
        best: value of the best evaluation so far; None before the first.
    """

    network: Learner[CosmosAutoencoder]
    average: Average
    discriminator: Learner[PatchDiscriminator] | None
    watch: Watch
    step: int = 0
    seconds: float = 0.0
    best: float | None = None

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds; of several processes, all must ask."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state().items()}
        tensors |= {f"ema.{name}": tensor for name, tensor in self.average.state().items()}
        if self.discriminator:
            tensors |= {f"discriminator.{name}": tensor for name, tensor in self.discriminator.state().items()}
        return tensors

    def numbers(self) -> dict[str, Any]:
        """What else it holds, ready for JSON."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "watch": self.watch.state(),
            "scales": [learner.numbers() for learner in self._learners()],
        }

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `numbers` gave."""
        self.network.restore(_under("network.", tensors))
        self.average.restore(_under("ema.", tensors))
        if self.discriminator:
            self.discriminator.restore(_under("discriminator.", tensors))
        for learner, scale in zip(self._learners(), numbers["scales"], strict=True):
            learner.restore_numbers(scale)
        self.watch.restore(numbers["watch"])
        self.step, self.seconds, self.best = numbers["step"], numbers["seconds"], numbers["best"]

    def _learners(self) -> list[Learner[Any]]:
        return [self.network, *([self.discriminator] if self.discriminator else [])]


def first_state(recipe: Recipe, world: World, data: TrainingData | None = None) -> State:
    """Before the first step, on the device of this process.

    Args:
        recipe: of the run.
        world: its processes.
        data: of the run; needed where the first weights depend on it.

    Raises:
        TokenBenchError: the weights to start from are missing, or do not fit.
        ClipError: a clip cannot be read.
    """
    network = first_network(recipe, data)
    average = Average(network.to(world.device), recipe.ema)
    prepare(network, recipe, world)
    scale = recipe.precision == "float16"
    return State(
        network=Learner(network, recipe.optimiser, recipe.steps, scale=scale),
        average=average,
        discriminator=_first_discriminator(recipe, world),
        watch=Watch(recipe.watch),
    )


def _first_discriminator(recipe: Recipe, world: World) -> Learner[PatchDiscriminator] | None:
    """With random weights, the same in every process."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        discriminator = build_discriminator(recipe.losses)
    if discriminator is None:
        return None
    scale = recipe.precision == "float16"
    return Learner(discriminator.to(world.device), recipe.discriminator, recipe.steps, scale=scale)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
