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
    help="Folder for index.html, leaderboard.md, .csv and .tex, plots/, and with --anchor anchor.md and .csv.",
)
@click.option(
    "--anchor",
    metavar="CODEC",
    help="Set every result against the curve of this codec, as h264: BD-rates of curves, and what it does for single "
    "results. Several points of it must be among the runs (eval --sweep).",
)
def command(runs: tuple[Path, ...], out: Path, anchor: str | None) -> None:
    """Leaderboards, plots and one self-contained page from finished runs.

    RUN is a folder written by 'tokenbench eval', or the path of its result.json. Runs are compared where
    data set, manifest and protocol agree; others get leaderboards of their own.
    """
    from tokenbench.reporting.report import write_report

    page = write_report(runs, out, anchor=anchor)
    for name in ("leaderboard.md", *(["anchor.md"] if anchor else [])):
        click.echo((out / name).read_text(encoding="utf-8"))
    click.echo(page)
