"""A network that learns, with its optimiser: one step, and everything that must be saved of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from tokenbench_cosmos.training.distributed import assign, whole
from tokenbench_cosmos.training.schedule import OptimiserSettings

Network = TypeVar("Network", bound=nn.Module)

# What AdamW keeps of every weight.
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Learner(Generic[Network]):
    """A network and its optimiser.

    Args:
        module: the bare network, on its device; its weights may lie in parts.
        settings: of the optimiser.
        steps: of the whole run, for the decay of the learning rate.
        scale: multiply losses so that gradients do not vanish in float16.
    """

    def __init__(self, module: Network, settings: OptimiserSettings, steps: int, *, scale: bool) -> None:
        self.module = module
        self._settings, self._steps = settings, steps
        self._weights = [weight for weight in module.parameters() if weight.requires_grad]
        # A recipe may write 0 for 0.0; torch would not have it.
        first, second = map(float, settings.betas)
        self._optimiser = torch.optim.AdamW(
            self._weights, lr=settings.lr, betas=(first, second), eps=settings.eps, weight_decay=settings.weight_decay
        )
        self._scaler = torch.amp.GradScaler(self._weights[0].device.type, enabled=scale)

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradients to those that are there."""
        self._scaler.scale(loss).backward()

    def gradients(self) -> list[Tensor]:
        """Of all weights."""
        return [weight.grad for weight in self._weights if weight.grad is not None]

    def norm(self) -> float:
        """Of the gradients over all weights; they are cut to what the settings allow."""
        self._scaler.unscale_(self._optimiser)
        norm = nn.utils.clip_grad_norm_(self._weights, self._settings.clip or math.inf)
        return float(whole(norm))

    def step(self, step: int) -> float:
        """Change the weights, and forget the gradients; gives the learning rate.

        Args:
            step: of the run, counted from 0.
        """
        rate = self._settings.rate(step, self._steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        # In float16 a step whose gradients are not finite is left out.
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._optimiser.zero_grad()
        return rate

    def state(self) -> dict[str, Tensor]:
        """Weights, buffers and what the optimiser keeps, whole; of several processes, all must ask."""
        tensors = {name: whole(tensor) for name, tensor in self.module.state_dict().items()}
        for name, weight in self.module.named_parameters():
            kept = self._optimiser.state.get(weight, {})
            tensors |= {f"optimiser.{kind}.{name}": whole(value) for kind, value in kept.items()}
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for name, tensor in self.module.state_dict().items():
            assign(tensor, tensors[name])
        for name, weight in self.module.named_parameters():
            if f"optimiser.step.{name}" not in tensors:
                # It has done no step yet: its game has not begun, or float16 has left out all.
                continue
            moments = {kind: torch.zeros_like(weight) for kind in _MOMENTS}
            for kind, moment in moments.items():
                assign(moment, tensors[f"optimiser.{kind}.{name}"])
            self._optimiser.state[weight] = {"step": tensors[f"optimiser.step.{name}"], **moments}

    def numbers(self) -> dict[str, Any]:
        """The scale of float16, ready for JSON; empty in any other precision."""
        return self._scaler.state_dict()

    def restore_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Put back what `numbers` gave."""
        if numbers:
            self._scaler.load_state_dict(dict(numbers))
