"""The whole report: tables, plots and the page, from the folders of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import write_bytes, write_text
from tokenbench.reporting.leaderboard import group_runs
from tokenbench.reporting.page import render_page
from tokenbench.reporting.plots import draw_plots
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.tables import csv_text, latex, markdown


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write leaderboard.md, .csv and .tex, plots/ and index.html into `out`.

    All is read and drawn before the first file is written; each file is written whole or not at all.

    Args:
        runs: folders written by `tokenbench eval`, or their result.json.
        out: folder of the report; made where it is missing. Files of the same names are replaced.

    Returns:
        The path of index.html.

    Raises:
        TokenBenchError: a run cannot be used, or `out` cannot be written.
    """
    if not runs:
        raise TokenBenchError("no runs to report: name at least one folder written by 'tokenbench eval'")
    groups = group_runs(load_runs(runs))
    plots = {(group.slug, table.media): draw_plots(group, table) for group in groups for table in group.tables}
    texts = {
        "leaderboard.md": markdown(groups),
        "leaderboard.csv": csv_text(groups),
        "leaderboard.tex": latex(groups),
        "index.html": render_page(groups, plots),
    }
    for plot in (plot for drawn in plots.values() for plot in drawn):
        write_bytes(out / "plots" / f"{plot.name}.png", plot.png)
        write_text(out / "plots" / f"{plot.name}.svg", plot.svg)
    for name, text in texts.items():
        write_text(out / name, text)
    return out / "index.html"
