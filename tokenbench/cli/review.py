"""`tokenbench review`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("review")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Of the page's address; one that is free, unless given.",
)
@click.option("--set", "set_name", default="", metavar="NAME", help="Only this set of the build.")
def command(folder: Path, port: int, set_name: str) -> None:
    """Look at the clips of a build on a local web page, and keep or drop them.

    DIR is a folder that 'tokenbench build-dataset' wrote. Prints the page's address, which only this machine can open,
    and serves it until Ctrl-C. Every decision is written into DIR/decisions.json at once; the next build reads it.
    """
    from tokenbench.datasets.review.server import ReviewServer

    with ReviewServer(folder, set_name, port) as server:
        click.echo(server.address)
        click.echo("Open it in a browser; Ctrl-C ends. Decisions are kept.", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo(err=True)
