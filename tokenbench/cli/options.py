"""Options that several commands have."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import click

DTYPES = ("float32", "bfloat16", "float16")

# Arguments of every tokenizer, which have options of their own.
_TAKEN = ("name", "weights", "device", "dtype")


def _parse_settings(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE texts as a dictionary, values as TOML reads them."""
    settings: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        if name in _TAKEN:
            raise click.BadParameter(f"{name!r} is no setting; use --{name if name != 'name' else 'tokenizer'}")
        if name in settings:
            raise click.BadParameter(f"{name!r} is set twice")
        settings[name] = _literal(value)
    return settings


def _literal(text: str) -> Any:
    """What TOML makes of a value; the text itself where that is no value, or none that JSON can hold."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if table.keys() == {"value"} and _is_plain(table["value"]) else text


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _split_names(context: click.Context, parameter: click.Parameter, given: str) -> tuple[str, ...]:
    """Names with commas between them."""
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    if not names:
        raise click.BadParameter("names no metric; 'tokenbench list metrics' shows them")
    return names


def _parse_networks(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """NAME=PATH texts as a dictionary."""
    networks: dict[str, str] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise click.BadParameter(f"{text!r} is not NAME=PATH")
        networks[name] = path
    return networks


metrics_option = click.option(
    "--metrics",
    default="psnr,ssim",
    show_default=True,
    metavar="NAME,...",
    callback=_split_names,
    help="What to measure; 'tokenbench list metrics' shows all there is.",
)

protocol_option = click.option(
    "--protocol",
    default="paper",
    show_default=True,
    metavar="NAME",
    help="By whose conventions PSNR and SSIM are computed; 'tokenbench list protocols' shows them.",
)

network_option = click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NAME=PATH",
    callback=_parse_networks,
    help="File of a trained network that metrics stand on; may be given several times.",
)

skip_option = click.option(
    "--skip-unavailable",
    is_flag=True,
    help="Leave out metrics that cannot be measured here; the result marks them.",
)

settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parse_settings,
    help="A setting of the tokenizer, as its card names it; may be given several times.",
)

window_option = click.option(
    "--window",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cut clips into independent windows of N frames, even where the tokenizer streams.",
)
