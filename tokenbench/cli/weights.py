"""`tokenbench weights`."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from tokenbench.cli.options import DTYPES
from tokenbench.cli.show import table
from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import IN_PACKAGE, Card

if TYPE_CHECKING:
    from tokenbench.networks import NetworkCard

_FORMATS = ("safetensors", "jit")


@click.group("weights")
def command() -> None:
    """List, fetch, verify, import and export the weights of tokenizers, and of the networks that metrics stand on."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with paths and sizes in bytes.")
def list_weights(as_json: bool) -> None:
    """Tokenizers and networks that have weights, and which of them are on this machine."""
    from tokenbench.networks import NETWORKS
    from tokenbench.registry import registered

    entries = [_entry(card) for card in registered().values() if card.has_weights]
    entries += [_network_entry(card) for card in NETWORKS.values()]
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    header = ["name", "kind", "files", "state", "size", "revision", "license", "from"]
    numeric = [False, False, False, False, True, False, False, False]
    click.echo(table([header, *map(_row, entries)], numeric=numeric))


@command.command("fetch")
@click.argument("name")
def fetch(name: str) -> None:
    """Download NAME's weights, unless they are on this machine."""
    from tokenbench.networks import NETWORKS, find_network
    from tokenbench.weights import locate

    if name in NETWORKS:
        network = find_network(name, asked=True)
        _print_files({network.path: network.sha256})
        return
    card = _card(name)
    files = locate(name, None, card.hub, file_sets=card.file_sets, hint=card.where_to_get)
    _print_files({path: files.digests[path.name] for path in files.paths})


@command.command("verify")
@click.argument("name")
@click.option("--weights", metavar="PATH", help="File, folder or hf:owner/name[@commit]; else where they are.")
def verify(name: str, weights: str | None) -> None:
    """Check that NAME's weights are whole, are its own, and are what was published or imported."""
    from tokenbench.networks import NETWORKS
    from tokenbench.weights import locate

    if name in NETWORKS:
        _verify_network(name, weights)
        return
    card = _card(name)
    files = locate(name, weights, card.hub, file_sets=card.file_sets, hint=card.where_to_get)
    digests = files.digests
    card.load(weights=weights)
    _print_files({path: digests[path.name] for path in files.paths})
    click.echo("ok")


@command.command("import")
@click.argument("name")
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--force", is_flag=True, help="Replace other weights; keep a network's file that is not the published one."
)
def import_weights(name: str, source: tuple[str, ...], force: bool) -> None:
    """Copy NAME's weights from SOURCE to where they are found by name.

    SOURCE is a file under any name, several files, a folder, or hf:owner/name[@commit]; of a network, one file.
    """
    from tokenbench.networks import NETWORKS
    from tokenbench.weights.install import install, sources

    if name in NETWORKS:
        folder = _import_network(name, source, force)
    else:
        card = _card(name)
        sets = card.file_sets
        files = sources(name, source, card.hub, sets, hint=card.where_to_get)
        folder = install(name, files, sets, check=lambda place: card.load(weights=str(place)), force=force)
    click.echo(f"imported into {folder}")


@command.command("export")
@click.argument("name")
@click.option("--format", "format_", type=click.Choice(_FORMATS), required=True, help="Of the files to write.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the files.")
@click.option("--weights", metavar="PATH", help="File, folder or hf:owner/name[@commit]; else where they are.")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the tensors.")
def export(name: str, format_: str, out: Path, weights: str | None, dtype: str) -> None:
    """Write a tokenizer's network in another format."""
    import torch

    from tokenbench.registry import load_tokenizer

    tokenizer: Any = load_tokenizer(name, weights=weights, dtype=getattr(torch, dtype))
    if not callable(getattr(tokenizer, "export", None)):
        raise TokenBenchError(f"{name} cannot be exported: it has no network in a format that others read")
    for path in tokenizer.export(format_, out):
        click.echo(f"{path}  {path.stat().st_size}")


def _verify_network(name: str, weights: str | None) -> None:
    from tokenbench.networks import find_network
    from tokenbench.networks.install import refuse_unpublished
    from tokenbench.networks.load import load_network

    file = find_network(name, weights)
    refuse_unpublished(file)
    load_network(file)
    _print_files({file.path: file.sha256})
    click.echo("ok" if file.verified else "ok, but its publisher states no digest to compare this one with")


def _import_network(name: str, source: tuple[str, ...], force: bool) -> Path:
    from tokenbench.networks.install import install_network

    if len(source) != 1:
        raise TokenBenchError(f"{name} is one file, got {len(source)}: name that file alone")
    return install_network(name, Path(source[0]), force=force).path.parent


def _print_files(digests: dict[Path, str]) -> None:
    for path, digest in digests.items():
        click.echo(f"{path.name}  {path.stat().st_size}  {digest}")


def _card(name: str) -> Card:
    from tokenbench.registry import find_card, registered

    if name not in registered():
        _refuse_near_network(name)
    card = find_card(name)
    if not card.has_weights:
        has = "comes with its weights" if card.info.weights == IN_PACKAGE else "has no weights"
        raise TokenBenchError(f"{name} {has}; 'tokenbench weights list' shows those that must be fetched")
    return card


def _refuse_near_network(name: str) -> None:
    """A name that is nearly a network's is no tokenizer's."""
    from tokenbench.networks import NETWORKS, find_card

    if difflib.get_close_matches(name, NETWORKS, n=1, cutoff=0.8):
        find_card(name)


def _entry(card: Card) -> dict[str, Any]:
    from tokenbench.weights.stored import stored_weights

    stored = stored_weights(card.info.name, card.hub, card.file_sets)
    return {
        "name": card.info.name,
        "kind": "tokenizer",
        "files": [list(names) for names in card.file_sets],
        "state": stored.state,
        "paths": [str(path) for path in stored.paths],
        "bytes": stored.bytes,
        "revision": card.hub.revision if card.hub is not None else None,
        "license": card.info.license,
        "from": f"hf:{card.hub.repository}" if card.hub is not None else card.info.weights,
    }


def _network_entry(card: NetworkCard) -> dict[str, Any]:
    from tokenbench.networks.find import stored_network

    state, *paths = stored_network(card) or ("missing",)
    return {
        "name": card.name,
        "kind": "network",
        "files": [[card.file]],
        "state": state,
        "paths": [str(path) for path in paths],
        "bytes": sum(path.stat().st_size for path in paths),
        "revision": None,
        "license": card.license,
        "from": card.published,
    }


def _row(entry: dict[str, Any]) -> list[str]:
    return [
        entry["name"],
        entry["kind"],
        " or ".join("+".join(names) for names in entry["files"]) or "-",
        entry["state"],
        f"{entry['bytes'] / 1e6:.1f} MB" if entry["bytes"] else "-",
        entry["revision"] or "-",
        entry["license"],
        urlsplit(entry["from"]).hostname or entry["from"],
    ]
