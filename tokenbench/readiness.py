"""Whether a tokenizer can be used at once on this machine. Loads no torch and asks no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tokenbench.tokenizer import Card
from tokenbench.weights.stored import stored_weights

State = Literal["ready", "weights missing", "package missing"]


@dataclass(frozen=True)
class Readiness:
    """What a tokenizer lacks.

    Args:
        state: a missing package comes first, as it is what to mend first.
        hint: what to do about it; empty where it is ready.
    """

    state: State
    hint: str = ""


def readiness(card: Card) -> Readiness:
    """Whether a card's packages are installed, and its weights are where they are looked for by name."""
    if command := card.to_install:
        return Readiness("package missing", command)
    info = card.info
    if not card.has_weights or stored_weights(info.name, card.hub, card.file_sets).state != "missing":
        return Readiness("ready")
    if card.hub is not None:
        return Readiness("weights missing", f"tokenbench weights fetch {info.name}")
    return Readiness("weights missing", f"get them from {info.weights}; tokenbench weights import {info.name} SOURCE")
