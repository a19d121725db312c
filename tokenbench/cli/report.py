"""`tokenbench report`: tables, plots and a page from finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenbench.viewing.beside_report import BesideReport


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
@click.option(
    "--view",
    "viewed",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also show originals and reconstructions of the N hardest clips, as 'tokenbench view' does, in OUT/media. "
    "What no run saved is made anew.",
)
def command(
    runs: tuple[Path, ...],
    out: Path,
    anchor: str | None,
    baseline: str | None,
    throughput: Path | None,
    viewed: int | None,
) -> int:
    """Leaderboards, plots and one page from finished runs.

    RUN is a folder written by 'tokenbench eval', or the path of its result.json. Runs are compared where
    data set, manifest and protocol agree; others get leaderboards of their own.
    """
    from tokenbench.reporting.report import write_report

    views = _plan_views(runs, viewed) if viewed else []
    links = {folder: view.address for view in views for folder in view.runs}
    page = write_report(runs, out, anchor=anchor, baseline=baseline, throughput=throughput, views=links)
    for name in ("leaderboard.md", *(["anchor.md"] if anchor else []), *(["against.md"] if baseline else [])):
        click.echo((out / name).read_text(encoding="utf-8"))
    click.echo(page)
    failed = [line for view in views for line in view.write(out)]
    for line in failed:
        click.echo(f"not shown: {line}", err=True)
    return 1 if failed else 0


def _plan_views(runs: tuple[Path, ...], clips: int) -> list[BesideReport]:
    """Here alone: pages of pictures need what tokenizers need."""
    from tokenbench.viewing.beside_report import plan_views

    return plan_views(runs, clips)
