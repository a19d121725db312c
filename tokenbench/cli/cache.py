"""`tokenbench cache`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.cli.options import open_store, parse_size, store_option

if TYPE_CHECKING:
    from tokenbench.store.store import Entry
    from tokenbench.store.upkeep import StageSummary

EXIT_DAMAGED = 1

_ALL = "all"


@click.command("cache")
@store_option
@click.option(
    "--prune", metavar="SIZE", callback=parse_size, help="Remove what was used longest ago, until SIZE is left."
)
@click.option(
    "--clear",
    is_flag=False,
    flag_value=_ALL,
    metavar="[STAGE]",
    help="Remove all entries of a stage, or of all stages.",
)
@click.option("--verify", is_flag=True, help="Read all entries, and remove those that are damaged.")
def command(store: Path | None, prune: int | None, clear: str | None, verify: bool) -> int:
    """Show what a store of results holds, stage by stage.

    A store is what 'tokenbench eval --store FOLDER' keeps. Nothing in it is needed: what is removed is made again.
    """
    from tokenbench.store import upkeep

    kept = open_store(store, None)
    if kept is None:
        raise click.UsageError("name the store with --store FOLDER, or set TOKENBENCH_STORE")
    if not kept.folder.is_dir():
        raise click.UsageError(f"{store}: no such folder; 'tokenbench eval --store {store}' makes one")
    damaged: list[Entry] = []
    if verify:
        damaged = upkeep.verify(kept)
        _print_removed("damaged", damaged)
    if clear is not None:
        _print_removed("cleared", upkeep.clear(kept, None if clear == _ALL else clear))
    if prune is not None:
        _print_removed("pruned", kept.prune(prune))
    _print(upkeep.summarise(kept))
    return EXIT_DAMAGED if damaged else 0


def _print_removed(why: str, removed: Sequence[Entry]) -> None:
    click.echo(f"{why}: {len(removed)} entries, {_size(sum(entry.size for entry in removed))}, removed")


def _print(stages: Sequence[StageSummary]) -> None:
    from datetime import datetime

    from tokenbench.cli.show import table

    rows = [["stage", "entries", "size", "unused since"]]
    for stage in stages:
        oldest = datetime.fromtimestamp(stage.oldest).isoformat(" ", "minutes")
        rows.append([stage.stage, str(stage.entries), _size(stage.size), oldest])
    rows.append(["all", str(sum(stage.entries for stage in stages)), _size(sum(stage.size for stage in stages)), ""])
    click.echo(table(rows, numeric=[False, True, True, False]))


def _size(count: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
