"""The moving average of the weights, which is what is evaluated and exported."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.training.distributed import assign, whole


class Average:
    """A network whose weights are the moving average of those of another, in float32 and whole in every process.

    Args:
        network: to begin with.
        decay: of the average, per step.
    """

    def __init__(self, network: CosmosAutoencoder, decay: float) -> None:
        self._decay = decay
        self.module = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: CosmosAutoencoder, step: int) -> None:
        """Take in the weights after a step, counted from 0.

        Early on the average is over few steps: its decay is at most (1 + step) / (10 + step), as that of TensorFlow's
        ExponentialMovingAverage.
        """
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        for mean, weight in zip(self.module.parameters(), network.parameters(), strict=True):
            mean.lerp_(whole(weight), share)

    def state(self) -> dict[str, Tensor]:
        """By the weights' names."""
        return dict(self.module.named_parameters())

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for name, mean in self.module.named_parameters():
            assign(mean, tensors[name])
