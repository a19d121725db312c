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
    help="Folder for index.html, leaderboard.md, .csv, .tex and .json, model-index/, plots/, and what is asked for.",
)
@click.option(
    "--anchor",
    metavar="CODEC",
    help="Set every result against the curve of this codec, as h264: BD-rates of curves, and what it does for single "
    "results, in anchor.md and .csv. Several points of it must be among the runs (eval --sweep).",
)
@click.option(
    "--against",
    "baseline",
    metavar="NAME",
    help="Compare every row with this one, clip by clip, in against.md and .csv; the page opens with it chosen.",
)
@click.option(
    "--throughput",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="throughput.json of 'tokenbench throughput': draws quality against time.",
)
def command(
    runs: tuple[Path, ...], out: Path, anchor: str | None, baseline: str | None, throughput: Path | None
) -> None:
    """Leaderboards, plots and one page from finished runs.

    RUN is a folder written by 'tokenbench eval', or the path of its result.json. Runs are compared where
    data set, manifest and protocol agree; others get leaderboards of their own.
    """
    from tokenbench.reporting.report import write_report

    page = write_report(runs, out, anchor=anchor, baseline=baseline, throughput=throughput)
    for name in ("leaderboard.md", *(["anchor.md"] if anchor else []), *(["against.md"] if baseline else [])):
        click.echo((out / name).read_text(encoding="utf-8"))
    click.echo(page)
