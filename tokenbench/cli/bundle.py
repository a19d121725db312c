"""`tokenbench bundle`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from tokenbench.cli.options import optional_names
from tokenbench.cli.show import table

if TYPE_CHECKING:
    from tokenbench.bundle import Need


@click.command("bundle")
@click.option("--tokenizer", "tokenizers", metavar="NAME,...", callback=optional_names, help="Whose weights to gather.")
@click.option("--metrics", metavar="NAME,...", callback=optional_names, help="Whose networks to gather.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write, or a file that ends in .tar.")
@click.option("--use", type=click.Path(path_type=Path), help="Install the weights of this bundle, folder or archive.")
@click.option("--force", is_flag=True, help="With --use: replace other weights, and keep networks not as published.")
def command(
    tokenizers: tuple[str, ...], metrics: tuple[str, ...], out: Path | None, use: Path | None, force: bool
) -> None:
    """Gather weight files for a machine without a network, or install those of such a bundle.

    What is missing is downloaded first, as by 'tokenbench weights fetch'. Every file is compared with its digest, when
    it is gathered and when it is installed. The same command again goes on where it stopped.
    """
    if use is not None:
        if tokenizers or metrics or out is not None:
            raise click.UsageError("--use installs all of a bundle; give it without --tokenizer, --metrics and --out")
        _use(use, force)
    elif out is None or not (tokenizers or metrics):
        raise click.UsageError("give --out and --tokenizer or --metrics, to gather; or --use, to install")
    else:
        _gather(tokenizers, metrics, out)


def _gather(tokenizers: tuple[str, ...], metrics: tuple[str, ...], out: Path) -> None:
    from tokenbench.bundle import gather, needs, pack, refuse_foreign

    refuse_foreign(out)
    wanted = needs(tokenizers, metrics)
    names = {need.name for need in wanted}
    for name in tokenizers:
        if name not in names:
            click.echo(f"{name} needs no file")
    if not wanted:
        click.echo("nothing to gather")
        return
    click.echo(_plan(wanted))
    bundle, paths = gather(wanted, tokenizers, metrics)
    pack(bundle, paths, out)
    count = len(paths)
    click.echo(f"{count} {'file' if count == 1 else 'files'}, {bundle.bytes / 1e6:.1f} MB, verified, in {out}")


def _use(path: Path, force: bool) -> None:
    from tokenbench.bundle import install
    from tokenbench.networks import NETWORKS
    from tokenbench.registry import registered

    for name, folder in install(path, force=force).items():
        click.echo(f"{name}  {folder}")
        if name in NETWORKS and NETWORKS[name].runs_code:
            click.echo(f"{name} holds code that is run when it is used: keep it only if you trust its giver", err=True)
        if name in registered() and (command := registered()[name].to_install):
            click.echo(f"{name} also needs a package: {command}", err=True)


def _plan(wanted: Sequence[Need]) -> str:
    """What will be in the bundle, under which licences, before anything is downloaded."""
    rows = [["name", "kind", "state", "licence", "from"]]
    rows += [
        [
            need.name,
            need.kind,
            "to be downloaded" if need.state == "missing" else need.state,
            need.license,
            urlsplit(need.published).hostname or need.published,
        ]
        for need in wanted
    ]
    return table(rows, numeric=[False] * 5)
