"""Which network a recipe trains."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Any, Literal

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import Card
from tokenbench_cosmos.cards import CARDS
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.training.data import DataSettings


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The table `network`. Fields but the first are the variant's own where they are 0 or empty.

    Args:
        variant: as released: "CV4x8x8", "CV8x8x8-1.0", or "CV4x8x8-360p" for the Tokenize1 series' smaller patches.
        channels: width after the first convolution; 128 in the released networks.
        channel_multipliers: width of every level, in units of `channels`.
        z_channels: between the network and the projection to tokens.
        groups: of every normalisation, of image networks.
        encoder_blocks: residual blocks a level.
        decoder_blocks: residual blocks a level.
        initialisation: of random weights: the framework's "default" as nothing published says otherwise, or
            "principal", a linear codec of the training data (`tokenbench_cosmos.training.principal`). With `start`,
            "principal" takes encoder and decoder from there, out of a continuous network, and begins the projections
            anew, and "wider" takes a network of fewer channels from there (`tokenbench_cosmos.training.wider`).
    """

    variant: str
    channels: int = 0
    channel_multipliers: tuple[int, ...] = ()
    z_channels: int = 0
    groups: int = 0
    encoder_blocks: int = 0
    decoder_blocks: int = 0
    initialisation: Literal["default", "principal", "wider"] = "default"

    def card(self) -> Card:
        """Of the registered tokenizer whose network it is.

        Raises:
            TokenBenchError: there is no such variant; the message has near ones.
        """
        cards = _by_variant()
        if self.variant not in cards:
            near = difflib.get_close_matches(self.variant, cards, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(cards)}"
            raise TokenBenchError(f"network.variant is {self.variant!r}: {hint}")
        return cards[self.variant]

    def config(self) -> CosmosConfig:
        """The network.

        Raises:
            TokenBenchError: there is no such variant, or the fields do not make a network.
        """
        published: CosmosConfig = self.card().options["config"]
        try:
            return replace(published, **self.overrides())
        except ValueError as error:
            raise TokenBenchError(f"network: {error}") from error

    def overrides(self) -> dict[str, Any]:
        """Fields in which it differs from the published network."""
        names = ("channels", "channel_multipliers", "z_channels", "groups", "encoder_blocks", "decoder_blocks")
        return {name: value for name in names if (value := getattr(self, name))}

    def wrong(self, data: DataSettings) -> list[str]:
        """Values that mean nothing together, and samples that the network does not take: a line each."""
        try:
            config = self.config()
        except TokenBenchError as error:
            return [str(error)]
        lines = []
        time, space, _ = config.compression
        narrow = [width for width in (config.channels, *config.widths) if width % config.groups]
        if narrow:
            lines.append(f"network.groups is {config.groups}, which does not divide the width {narrow[0]}; set both")
        if config.is_video and config.groups != 1:
            lines.append("network.groups is for image networks only; leave it out")
        if self.initialisation == "wider" and config.groups != 1:
            lines.append(f"network.initialisation 'wider' needs network.groups = 1, which is {config.groups}")
        if not config.is_video and data.uses_videos:
            lines.append(f"{self.variant} is an image network; set data.image_every = 1")
        if data.uses_videos and data.frames % time != 1 % time:
            lines.append(f"data.frames is {data.frames}, expected 1 + a multiple of {time} for {self.variant}")
        lines += [
            f"{words}, expected a multiple of {space} for {self.variant}"
            for words, side in data.sides()
            if side % space
        ]
        return lines


def _by_variant() -> dict[str, Card]:
    """The registered networks by their released names: CV8x8x8, CV8x8x8-1.0, CV8x8x8-360p."""
    cards: dict[str, Card] = {}
    for card in CARDS:
        parts = card.info.name.removeprefix("cosmos-tokenize1-").split("-")
        series = ["1.0"] if parts[0] == "cosmos1" else []
        kind, *rest = parts[1:] if parts[0].startswith("cosmos") else parts
        cards["-".join([kind.upper() + rest[0], *rest[1:], *series])] = card
    return cards
