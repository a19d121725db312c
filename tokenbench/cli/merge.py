"""`tokenbench merge`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge")
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER..."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the whole run; by default the one FOLDER.",
)
def command(folders: tuple[Path, ...], out: Path | None) -> int:
    """Put the shards of a run together.

    FOLDER is the --out (of compare: the --run) of commands with --shard, or one shard's folder in it, copied from
    another machine. The result is that of the same command without --shard. Give the command again after an
    interruption, or when more shards are there.
    """
    from tokenbench.cli.show import print_result
    from tokenbench.evaluation.shards import merge

    if out is None and len(folders) > 1:
        raise click.UsageError("several folders are merged into another one: name it with --out")
    out = out or folders[0]
    result = merge(folders, out)
    print_result(result)
    click.echo(f"written to {out}")
    return 1 if result["failed"] else 0
