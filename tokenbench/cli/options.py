"""Options that several commands have."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tokenbench.engine.shard import Shard
    from tokenbench.store import Store

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
    except (ValueError, RecursionError):
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


def optional_names(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[str, ...]:
    """Names with commas between them; none where the option is not given."""
    names = tuple(name.strip() for name in (given or "").split(",") if name.strip())
    if given is not None and not names:
        raise click.BadParameter("names nothing")
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


def _parse_shard(context: click.Context, parameter: click.Parameter, given: str | None) -> Shard | None:
    """I/N; of a rank of torchrun that names none, its own."""
    from tokenbench.engine.shard import launched_shard, parse_shard

    return launched_shard() if given is None else parse_shard(given)


def parse_size(context: click.Context, parameter: click.Parameter, given: str | None) -> int | None:
    """`50GB` as bytes."""
    if given is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", given.strip().lower())
    if not match:
        raise click.BadParameter(f"{given!r} is no size; give one as 500MB, 50GB or 2TB")
    number, power, is_binary = match.groups()
    return int(float(number) * (1024 if is_binary else 1000) ** " kmgt".index(power or " "))


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

shard_option = click.option(
    "--shard",
    metavar="I/N",
    callback=_parse_shard,
    help="Only part I of N; 'tokenbench merge OUT' puts the parts together. Under torchrun, the rank's by itself.",
)

workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the clips and the cores; with --device cuda they take the GPUs in turn.",
)

_engine_option = click.option(
    "--engine",
    type=click.Choice(("local", "ray")),
    default="local",
    show_default=True,
    help="Where workers run: on this machine, or on a Ray cluster.",
)

_address_option = click.option(
    "--address",
    metavar="HOST:PORT",
    help="Of a running Ray cluster, or auto; without it, Ray starts one on this machine.",
)


store_option = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="TOKENBENCH_STORE",
    metavar="FOLDER",
    help="Keep results of all stages in FOLDER and take from there what is known; also TOKENBENCH_STORE.",
)

store_limit_option = click.option(
    "--store-limit",
    envvar="TOKENBENCH_STORE_LIMIT",
    metavar="SIZE",
    callback=parse_size,
    help="What the store may take, as 50GB; what was used longest ago is removed.",
)


def open_store(folder: Path | None, limit: int | None) -> Store | None:
    """The store that two options name; None where they name none."""
    from tokenbench.store import Store

    if folder is None:
        return None
    return Store(folder.absolute(), limit)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--engine` and `--address`, as `tokenbench.engine.chosen_engine` takes them."""
    return _engine_option(_address_option(command))


def recorded_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where what a run's result names is now: its device, tokenizer, weights and clips."""
    options = (
        click.option("--device", help="Torch device; by default the run's."),
        click.option(
            "--tokenizer",
            metavar="NAME",
            help="Where path/to/file.py:ClassName is now; such names, and jit: ones, are run only if they stand here.",
        ),
        click.option("--weights", metavar="PATH", help="Where the weights are now; by default as the run names them."),
        click.option(
            "--dataset", metavar="NAME|FOLDER|TOML", help="Where the clips are now; by default as the run names them."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
