"""What a recipe says of an optimiser, and the learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101). Defaults are those of the published training code.

    Args:
        lr: learning rate after the warm-up.
        betas: of the moving averages of gradients and of their squares.
        eps: added to the root of the latter.
        weight_decay: per step, in units of the learning rate.
        warmup: steps in which the learning rate rises linearly from 0.
        decay: how it falls from then on until the last step.
        final: what it falls to.
        clip: the gradients' norm over all weights is cut to this; 0 leaves it.
    """

    lr: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01
    warmup: int = 5000
    decay: Literal["constant", "cosine", "linear"] = "constant"
    final: float = 0.0
    clip: float = 1.0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0, of so many."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if self.decay == "constant":
            return self.lr
        done = min(1.0, (step - self.warmup) / max(1, steps - self.warmup))
        left = 1 - done if self.decay == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.final + (self.lr - self.final) * left

    def wrong(self, table: str) -> list[str]:
        """Values that mean nothing, a line each."""
        lines = [f"{table}.betas has {beta}, expected 0 or more and less than 1" for beta in self.betas if beta >= 1]
        if self.final > self.lr:
            lines.append(f"{table}.final is {self.final}, expected at most lr, {self.lr}")
        return lines
