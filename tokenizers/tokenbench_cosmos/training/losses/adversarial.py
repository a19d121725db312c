"""The game against a discriminator: who wins what, the penalty on its slope, and how much the game counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

Kind = Literal["hinge", "non-saturating"]

# Keeps the adaptive weight finite: delta of VQGAN's equation 7, and the limit of its code.
_DELTA = 1e-6
_MOST = 1e4


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """What the generator, here the tokenizer, and its discriminator minimise. Fields as in `LossSettings`.

    Args:
        kind: of the losses, see `generator_loss` and `discriminator_loss`.
        weight: of the generator's part.
        start: the step from which both take part.
        adaptive: scale the generator's part by `adaptive_weight`.
        r1_weight: gamma of `r1_penalty`.
        r1_every: steps from one penalty to the next.
    """

    kind: Kind
    weight: float
    start: int
    adaptive: bool
    r1_weight: float
    r1_every: int

    def active(self, step: int) -> bool:
        """Whether the game is on at that step."""
        return step >= self.start

    def generator_term(
        self, discriminator: nn.Module, reconstruction: Tensor, others: Tensor, last_layer: Tensor
    ) -> Tensor:
        """The weighted term of the generator, whose gradient leaves the discriminator's parameters alone.

        Args:
            discriminator: of B x 3 x T x H x W gives scores; the module itself, not one wrapped for many processes.
            reconstruction: B x 3 x T x H x W, [-1, 1].
            others: the sum of the other terms.
            last_layer: the weight of the decoder's last layer, for the adaptive weight.
        """
        with _frozen(discriminator):
            loss = generator_loss(self.kind, discriminator(reconstruction.float()))
        scale = adaptive_weight(others, loss, last_layer) if self.adaptive else 1
        return self.weight * scale * loss

    def discriminator_terms(
        self, discriminator: nn.Module, reconstruction: Tensor, target: Tensor, step: int
    ) -> dict[str, Tensor]:
        """The terms "discriminator" and, at every `r1_every`-th step of the game, "r1"; the total is their sum.

        Real and false samples are scored in one call.
        """
        penalised = self.r1_weight > 0 and (step - self.start) % self.r1_every == 0
        real = target.detach().float().requires_grad_(penalised)
        of_real, of_false = discriminator(torch.cat([real, reconstruction.detach().float()])).chunk(2)
        terms = {"discriminator": discriminator_loss(self.kind, of_real, of_false)}
        if penalised:
            terms["r1"] = self.r1_weight * self.r1_every * r1_penalty(of_real, real)
        return terms


def generator_loss(kind: Kind, of_false: Tensor) -> Tensor:
    """How little the discriminator is deceived; a scalar, float32, of its scores for reconstructions.

    - "hinge": -mean D(x). Source: Lim and Ye 2017 (arXiv 1705.02894).
    - "non-saturating": mean log(1 + exp(-D(x))). Source: Goodfellow et al. 2014 (arXiv 1406.2661), section 3.
    """
    return -of_false.float().mean() if kind == "hinge" else F.softplus(-of_false.float()).mean()


def discriminator_loss(kind: Kind, of_real: Tensor, of_false: Tensor) -> Tensor:
    """How badly real and false are told apart; a scalar, float32, of the scores for either.

    - "hinge": mean max(0, 1 - D(y)) + mean max(0, 1 + D(x)).
    - "non-saturating": mean log(1 + exp(-D(y))) + mean log(1 + exp(D(x))).
    """
    of_real, of_false = of_real.float(), of_false.float()
    if kind == "hinge":
        return F.relu(1 - of_real).mean() + F.relu(1 + of_false).mean()
    return F.softplus(-of_real).mean() + F.softplus(of_false).mean()


def r1_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Half the squared slope of the discriminator at real samples, E |grad D(y)|^2 / 2, mean over the batch.

    Of P patches of a sample it is |grad of their sum|^2 / 2 P: the mean over patches that see different pixels, so
    that it does not grow with the size of the clip; P = 1 is the original.

    Source:
        Mescheder et al. 2018 (arXiv 1801.04406), equation 9.

    Args:
        scores: of the real samples, B x ..., of one number or more each.
        real: the samples, B x ..., which the scores were computed from with gradients.
    """
    (slope,) = torch.autograd.grad(scores.float().sum(), real, create_graph=True)
    patches = scores[0].numel()
    return slope.float().square().flatten(1).sum(dim=1).mean() / (2 * patches)


def adaptive_weight(others: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """|grad of the other terms| / (|grad of the adversarial one| + 1e-6) at the last layer, 10^4 at most; no gradient.

    Gradients are averaged over the processes of a distributed run, so that all have the weight of the whole batch.

    Source:
        Esser et al. 2021 (VQGAN, arXiv 2012.09841), equation 7; the limit is of its code.
    """
    of_others, of_game = (_gradient(loss, last_layer).norm() for loss in (others, adversarial))
    return (of_others / (of_game + _DELTA)).clamp(max=_MOST)


def _gradient(loss: Tensor, parameter: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, parameter, retain_graph=True)
    gradient = gradient.detach().float()
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(gradient)
        gradient /= distributed.get_world_size()
    return gradient


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """What is computed meanwhile has no gradient to the network's parameters."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
