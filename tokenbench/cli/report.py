"""`tokenbench report`: tables, plots and a page from finished runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    default=Path("report"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for index.html, leaderboard.md, .csv and .tex, and plots/.",
)
def command(runs: tuple[Path, ...], out: Path) -> None:
    """Leaderboards, plots and one self-contained page from finished runs.

    RUN is a folder written by 'tokenbench eval', or the path of its result.json. Runs are compared where
    data set, manifest and protocol agree; others get leaderboards of their own.
    """
    from tokenbench.reporting.report import write_report

    page = write_report(runs, out)
    click.echo((out / "leaderboard.md").read_text(encoding="utf-8"))
    click.echo(page)
