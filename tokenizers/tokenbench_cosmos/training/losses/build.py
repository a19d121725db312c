"""The losses that a recipe asks for, with their networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.networks import MissingNetwork, find_card, find_network
from tokenbench.networks.load import load_network
from tokenbench_cosmos.training.losses.adversarial import Adversarial
from tokenbench_cosmos.training.losses.flow import Flow
from tokenbench_cosmos.training.losses.gram import Gram
from tokenbench_cosmos.training.losses.maps import FeatureNetwork, maps_of
from tokenbench_cosmos.training.losses.perceptual import Perceptual, ShiftTolerant
from tokenbench_cosmos.training.losses.pixels import L1, Decibels, Rmse
from tokenbench_cosmos.training.losses.settings import LossSettings

# What can be chosen where a network cannot be had.
_CHOICES = {
    "perceptual": 'losses.perceptual = "hed-vgg16" or "st-lpips-vgg", which packages carry, or "none"',
    "flow": 'losses.flow = "none"',
}


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What a reconstruction is trained for.

    Args:
        settings: of the recipe.
        l1: the term of that name.
        rmse: the term of that name.
        decibels: the term of that name.
        features: the network of perceptual and gram; None where no step needs one.
        perceptual: the term of that name.
        gram: the term of that name.
        flow: the term of that name.
        adversarial: the game against the discriminator; None where there is none. It is no part of `terms`.
    """

    settings: LossSettings
    l1: L1
    rmse: Rmse
    decibels: Decibels
    features: FeatureNetwork | None
    perceptual: Perceptual | ShiftTolerant | None
    gram: Gram
    flow: Flow | None
    adversarial: Adversarial | None

    def terms(self, reconstruction: Tensor, target: Tensor, step: int) -> dict[str, Tensor]:
        """The weighted terms of that step by name, scalars in float32; the loss is their sum.

        Networks run in float32, or as the caller's autocast has it. Gradients pass to the reconstruction only. A single
        frame has no term "flow".

        Args:
            reconstruction: B x 3 x T x H x W, floating, [-1, 1] but for what the decoder overshoots.
            target: the same shape, [-1, 1].
            step: counted from 0.

        Raises:
            TokenBenchError: the frames are too small for a network.
        """
        if reconstruction.shape != target.shape:
            raise ValueError(f"a reconstruction of {tuple(reconstruction.shape)} for {tuple(target.shape)}")
        weights = self.settings.weights(step)
        reconstruction, target = reconstruction.float(), target.detach().float()
        terms: dict[str, Tensor] = {}
        if "l1" in weights:
            terms["l1"] = self.l1(reconstruction, target)
        if "rmse" in weights:
            terms["rmse"] = self.rmse(reconstruction, target)
        if "decibels" in weights:
            terms["decibels"] = self.decibels(reconstruction, target)
        if self.features and weights.keys() & {"perceptual", "gram"}:
            with torch.no_grad():
                expected = maps_of(self.features, target)
            maps = maps_of(self.features, reconstruction)
            if self.perceptual and "perceptual" in weights:
                terms["perceptual"] = self.perceptual(maps, expected)
            if "gram" in weights:
                terms["gram"] = self.gram(maps, expected)
        if self.flow and "flow" in weights and target.shape[2] > 1:
            terms["flow"] = self.flow(reconstruction, target)
        return {name: weights[name] * term for name, term in terms.items()}


def build_losses(
    settings: LossSettings, device: torch.device | str, networks: Mapping[str, str] | None = None
) -> Losses:
    """The losses of a recipe. Networks that no step needs are not looked for.

    Args:
        settings: checked here.
        device: that reconstructions are on.
        networks: files of networks by name, for those that do not lie in the usual places.

    Raises:
        Problems: a setting means nothing.
        TokenBenchError: a network cannot be had, or its file is not what it should be; it says what to choose instead.
    """
    settings.check()
    given = networks or {}
    for name in given:
        find_card(name)
    features: FeatureNetwork | None = None
    perceptual: Perceptual | ShiftTolerant | None = None
    if settings.uses("perceptual") or settings.uses("gram"):
        network = _load("perceptual", settings.perceptual, device, given)
        if settings.perceptual == "st-lpips-vgg":
            features, perceptual = network.network.features, ShiftTolerant(network.network)
        else:
            features, perceptual = network, Perceptual(settings.form, settings.layer_weights)
    return Losses(
        settings=settings,
        l1=L1(),
        rmse=Rmse(),
        decibels=Decibels(),
        features=features,
        perceptual=perceptual,
        gram=Gram(settings.form, settings.layer_weights),
        flow=Flow(settings.form, _load("flow", settings.flow, device, given)) if settings.uses("flow") else None,
        adversarial=_adversarial(settings),
    )


def _adversarial(settings: LossSettings) -> Adversarial | None:
    if settings.adversarial == "none" or settings.adversarial_weight == 0:
        return None
    return Adversarial(
        kind=settings.adversarial,
        weight=settings.adversarial_weight,
        start=settings.adversarial_start,
        adaptive=settings.adaptive_weight,
        r1_weight=settings.r1_weight,
        r1_every=settings.r1_every,
    )


def _load(term: str, name: str, device: torch.device | str, given: Mapping[str, str]) -> Any:
    try:
        return load_network(find_network(name, given.get(name)), device)
    except MissingNetwork as error:
        raise TokenBenchError(f'losses.{term} = "{name}": {error}; or choose {_CHOICES[term]}') from error
