"""One step: a reconstruction, its losses, and what the network and its discriminator learn from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tokenbench_cosmos.training.data import Batch
from tokenbench_cosmos.training.distributed import World, average
from tokenbench_cosmos.training.losses import Losses
from tokenbench_cosmos.training.prepare import last_layer
from tokenbench_cosmos.training.recipe import Recipe
from tokenbench_cosmos.training.state import State


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What stays the same from step to step.

    Args:
        recipe: of the run.
        world: its processes.
        model: the network as it is called.
        losses: that it is trained for.
    """

    recipe: Recipe
    world: World
    model: nn.Module
    losses: Losses


def add_gradients(machine: Machine, state: State, batches: Sequence[Batch]) -> dict[str, Tensor]:
    """Reconstruct mini-batches, and add up what the losses say of them; no weight changes yet.

    Only the decoder's output is compared, never a latent.

    Args:
        machine: of the run.
        state: whose gradients are zero.
        batches: of this process, which count alike.

    Returns:
        Loss terms, weighted, means over the mini-batches: those of the network, then those of the discriminator.
    """
    terms: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=machine.world.device))
    for number, batch in enumerate(batches, start=1):
        with _synchronised(machine.model, last=number == len(batches)):
            target = batch.to_float(machine.world.device)
            reconstruction, of_network = _teach_network(machine, state, target, len(batches))
        of_discriminator = _teach_discriminator(machine, state, reconstruction, target, len(batches))
        for name, term in {**of_network, **of_discriminator}.items():
            terms[name] = terms[name] + term.detach() / len(batches)
    if of_discriminator and state.discriminator:
        average(state.discriminator.gradients(), machine.world)
    return dict(terms)


def reconstruct(model: nn.Module, pixels: Tensor, *, video: bool) -> Tensor:
    """B x 3 x T x H x W through a network of videos, or of images (T = 1): the same shape."""
    return model(pixels) if video else model(pixels.squeeze(2)).unsqueeze(2)


def _teach_network(machine: Machine, state: State, target: Tensor, count: int) -> tuple[Tensor, dict[str, Tensor]]:
    network, losses, discriminator = state.network.module, machine.losses, state.discriminator
    with _arithmetic(machine):
        reconstruction = reconstruct(machine.model, target, video=network.config.is_video).float()
        terms = losses.terms(reconstruction, target, state.step)
        total = torch.stack(list(terms.values())).sum()
        if losses.adversarial and discriminator and losses.adversarial.active(state.step):
            terms["adversarial"] = losses.adversarial.generator_term(
                discriminator.module, reconstruction, total, last_layer(network)
            )
            total = total + terms["adversarial"]
    state.network.backward(total / count)
    return reconstruction.detach(), terms


def _teach_discriminator(
    machine: Machine, state: State, reconstruction: Tensor, target: Tensor, count: int
) -> dict[str, Tensor]:
    game, discriminator = machine.losses.adversarial, state.discriminator
    if not (game and discriminator and game.active(state.step)):
        return {}
    with _arithmetic(machine):
        terms = game.discriminator_terms(discriminator.module, reconstruction, target, state.step)
    discriminator.backward(torch.stack(list(terms.values())).sum() / count)
    return terms


def _arithmetic(machine: Machine) -> AbstractContextManager[object]:
    precision = machine.recipe.precision
    enabled = precision != "float32"
    return torch.autocast(machine.world.device.type, getattr(torch, precision) if enabled else None, enabled=enabled)


def _synchronised(model: nn.Module, *, last: bool) -> AbstractContextManager[object]:
    """Only the last of the mini-batches of a step makes the processes average their gradients."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) and not last else nullcontext()
