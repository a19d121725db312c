"""What a recipe says of its losses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tokenbench.errors import Problems

Form = Literal["paper", "code"]

# The terms that compare a reconstruction with its target; each has `TERM_weights` and `TERM_boundaries`.
TERMS = ("l1", "rmse", "decibels", "perceptual", "gram", "flow")

# Depths of every perceptual network.
_DEPTHS = 5


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The table `losses` of a recipe. Defaults are those of the published training code, where it has any.

    A term's weight changes with the step: it is the first of TERM_weights before the first of TERM_boundaries, the
    last one from the last of them. A term is computed only while its weight is above 0.

    Args:
        form: how the terms perceptual, gram and flow are reduced; their classes state both. The paper gives no
            weights, and sums over frames: its form wants smaller ones for long clips.
        perceptual: the network whose feature maps are compared. "vgg19" is the paper's and "vgg16" the code's;
            "hed-vgg16" and "st-lpips-vgg" come with packages. "none" leaves out the terms perceptual and gram.
        layer_weights: of the five depths of maps. The paper does not give its own.
        flow: the network of the term flow; "none" leaves it out.
        l1_weights: of the absolute difference of pixels.
        l1_boundaries: steps, rising.
        rmse_weights: of the root of the mean squared difference of pixels; 0, for nothing published has this term.
        rmse_boundaries: steps, rising.
        decibels_weights: of the error of pixels in dB; 0, for nothing published has this term.
        decibels_boundaries: steps, rising.
        perceptual_weights: of the difference of feature maps.
        perceptual_boundaries: steps, rising.
        gram_weights: of the difference of the maps' Gram matrices.
        gram_boundaries: steps, rising.
        flow_weights: of the difference of optical flow.
        flow_boundaries: steps, rising.
        adversarial: the loss of the discriminator and of who deceives it; "none" trains without. Neither the paper
            nor the code gives one.
        adversarial_weight: of the generator's part; times the adaptive weight where that is on.
        adversarial_start: the step from which both take part.
        adaptive_weight: scale the generator's part to the other terms by the size of their gradients.
        r1_weight: gamma of the gradient penalty on real samples; 0 leaves it out.
        r1_every: the penalty is computed every so many steps, and counts as many times.
        spectral_norm: bound the discriminator's layers by their largest singular value, in place of its normalisation.
        discriminator_channels: of its first layer.
        discriminator_layers: of it that halve time and space.
    """

    form: Form = "code"
    perceptual: Literal["vgg19", "vgg16", "hed-vgg16", "st-lpips-vgg", "none"] = "vgg16"
    layer_weights: tuple[float, ...] = (1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)
    flow: Literal["raft-large", "none"] = "none"
    l1_weights: tuple[float, ...] = (1.0,)
    l1_boundaries: tuple[int, ...] = ()
    rmse_weights: tuple[float, ...] = (0.0,)
    rmse_boundaries: tuple[int, ...] = ()
    decibels_weights: tuple[float, ...] = (0.0,)
    decibels_boundaries: tuple[int, ...] = ()
    perceptual_weights: tuple[float, ...] = (0.1, 0.073)
    perceptual_boundaries: tuple[int, ...] = (500_000,)
    gram_weights: tuple[float, ...] = (0.0, 0.062)
    gram_boundaries: tuple[int, ...] = (500_000,)
    flow_weights: tuple[float, ...] = (0.0, 0.01)
    flow_boundaries: tuple[int, ...] = (250_000,)
    adversarial: Literal["hinge", "non-saturating", "none"] = "none"
    adversarial_weight: float = 1.0
    adversarial_start: int = 0
    adaptive_weight: bool = True
    r1_weight: float = 10.0
    r1_every: int = 16
    spectral_norm: bool = False
    discriminator_channels: int = 64
    discriminator_layers: int = 3

    def weights(self, step: int) -> dict[str, float]:
        """The weights above 0 at that step, counted from 0, of the terms that have a network or need none."""
        weights = {
            term: getattr(self, f"{term}_weights")[bisect_right(getattr(self, f"{term}_boundaries"), step)]
            for term in TERMS
            if self.network_of(term) != "none"
        }
        return {term: weight for term, weight in weights.items() if weight > 0}

    def size_of_error(self, term: str, value: float, step: int) -> float:
        """What the weighted value of a term says of errors, on a linear scale: itself, but for decibels."""
        return float(10 ** (value / self.weights(step)[term] / 20)) if term == "decibels" else value

    def terms_changing(self, step: int) -> list[str]:
        """Those whose weight is another than at the step before."""
        return [term for term in TERMS if step in getattr(self, f"{term}_boundaries")]

    def uses(self, term: str) -> bool:
        """Whether the term is computed at any step."""
        return any(term in self.weights(step) for step in (0, *getattr(self, f"{term}_boundaries")))

    def network_of(self, term: str) -> str | None:
        """The network that a term stands on, or "none"; None for a term that needs none."""
        return {"perceptual": self.perceptual, "gram": self.perceptual, "flow": self.flow}.get(term)

    def check(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            Problems: a line for each.
        """
        if lines := list(self._wrong()):
            raise Problems(lines)

    def _wrong(self) -> Iterator[str]:
        schedules = [line for term in TERMS for line in self._wrong_schedule(term)]
        yield from schedules or self._steps_without_a_term()
        if len(self.layer_weights) != _DEPTHS:
            yield f"losses.layer_weights has {len(self.layer_weights)} values, expected {_DEPTHS}"
        for name in ("r1_every", "discriminator_channels", "discriminator_layers"):
            if getattr(self, name) < 1:
                yield f"losses.{name} is {getattr(self, name)}, expected 1 or more"

    def _wrong_schedule(self, term: str) -> Iterator[str]:
        weights, boundaries = getattr(self, f"{term}_weights"), getattr(self, f"{term}_boundaries")
        if len(weights) != len(boundaries) + 1:
            yield (
                f"losses.{term}_weights has {len(weights)} values and {term}_boundaries {len(boundaries)}, expected "
                "one weight more than boundaries"
            )
        if any(earlier >= later for earlier, later in pairwise(boundaries)):
            yield f"losses.{term}_boundaries is {list(boundaries)}, expected rising steps"

    def _steps_without_a_term(self) -> Iterator[str]:
        for step in sorted({0, *(step for term in TERMS for step in getattr(self, f"{term}_boundaries"))}):
            if not self.weights(step).keys() - {"flow"}:
                yield (
                    f"losses: nothing is left to minimise at step {step} (images have no flow); give l1, rmse, "
                    "decibels, perceptual or gram a weight above 0"
                )
                return
