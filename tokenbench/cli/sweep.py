"""Several operating points of one codec, a run each."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from tokenbench.errors import TokenBenchError

_VALUE = re.compile(r"[A-Za-z0-9.]+", re.ASCII)


@dataclass(frozen=True)
class Sweep:
    """Values of a parameter that sets the points of a family apart."""

    parameter: str
    values: tuple[str, ...]

    def points(self, family: str) -> list[str]:
        """The names of the points; a family's is FAMILY-PARAMETERVALUE, or what its plug-in makes of that.

        Raises:
            TokenBenchError: a name means no tokenizer, or two mean the same one.
        """
        from tokenbench.custom import is_custom
        from tokenbench.registry import find_card, registered

        if is_custom(family) or family in registered():
            raise TokenBenchError(
                f"{family} is one tokenizer: --sweep needs a family of them, as in --tokenizer h264 --sweep crf=23,28"
            )
        names = [find_card(f"{family}-{self.parameter}{value}").info.name for value in self.values]
        if twice := [name for name in names if names.count(name) > 1]:
            raise TokenBenchError(f"--sweep names {twice[0]} twice")
        return names


def _parse_sweep(context: click.Context, parameter: click.Parameter, given: str | None) -> Sweep | None:
    """NAME=V1,V2,... as its parts."""
    if given is None:
        return None
    name, equals, rest = given.partition("=")
    values = tuple(value.strip() for value in rest.split(","))
    if not equals or not re.fullmatch(r"[a-z]+", name) or not all(map(_VALUE.fullmatch, values)):
        raise click.BadParameter(f"{given!r} is not NAME=VALUE,VALUE,...")
    return Sweep(name, values)


sweep_option = click.option(
    "--sweep",
    metavar="NAME=V1,V2,...",
    callback=_parse_sweep,
    help="Evaluate several points of a codec, each into a folder of its own: --tokenizer h264 --sweep crf=18,23,28,33.",
)
