"""What a codec is made of: operating points, presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenbench.tokenizer import Card, Modality, TokenizerInfo


@dataclass(frozen=True, kw_only=True)
class Presets:
    """How much time an encoder spends.

    Args:
        option: the encoder's name of it.
        names: all that it takes.
        usual: the one that is taken where none is asked for.
    """

    option: str
    names: tuple[str, ...]
    usual: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """A codec: a curve of operating points, set apart by one whole number.

    Args:
        name: what the names of its points begin with.
        parameter: the number, by the name that the encoder gives it.
        mark: what stands for it in the names of points.
        range: its least and its largest value.
        usual: the value of the point that is listed.
        sweep: values that make a usual curve.
        modality: what the codec takes.
        title: format and encoder.
        license: of the encoder.
        source: where it comes from.
        factory: of its points.
        options: of the factory, the same for all points.
        switches: settings of its points.
    """

    name: str
    parameter: str
    mark: str
    range: tuple[int, int]
    usual: int
    sweep: tuple[int, ...]
    modality: Modality
    title: str
    license: str
    source: str
    factory: str
    options: Mapping[str, Any]
    switches: Mapping[str, str] = field(default_factory=dict)

    def point(self, value: int) -> Card:
        """The card of one operating point."""
        return Card(
            info=TokenizerInfo(
                name=f"{self.name}-{self.mark}{value}",
                kind="codec",
                modality=self.modality,
                license=self.license,
                source=self.source,
                description=f"{self.title}, {self.parameter} {value}",
            ),
            factory=self.factory,
            options={**self.options, "quality": value},
            switches=self.switches,
        )
