"""The whole report: tables, plots and the page, from the folders of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import write_bytes, write_text
from tokenbench.reporting import anchor_tables
from tokenbench.reporting.anchor import against_anchor
from tokenbench.reporting.leaderboard import group_runs
from tokenbench.reporting.page import render_page
from tokenbench.reporting.plots import draw_plots
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.tables import csv_text, latex, markdown


def write_report(runs: Sequence[Path], out: Path, *, anchor: str | None = None) -> Path:
    """Write leaderboard.md, .csv and .tex, plots/ and index.html into `out`; with an anchor also anchor.md and .csv.

    All is read and drawn before the first file is written; each file is written whole or not at all.

    Args:
        runs: folders written by `tokenbench eval`, or their result.json.
        out: folder of the report; made where it is missing. Files of the same names are replaced.
        anchor: codec, two or more points of which are among the runs, that everything is set against.

    Returns:
        The path of index.html.

    Raises:
        TokenBenchError: a run cannot be used, the anchor is not among them, or `out` cannot be written.
    """
    if not runs:
        raise TokenBenchError("no runs to report: name at least one folder written by 'tokenbench eval'")
    groups = group_runs(load_runs(runs))
    anchored = against_anchor(groups, anchor) if anchor else {}
    plots = {(group.slug, table.media): draw_plots(group, table) for group in groups for table in group.tables}
    texts = {
        "leaderboard.md": markdown(groups),
        "leaderboard.csv": csv_text(groups),
        "leaderboard.tex": latex(groups),
        "index.html": render_page(groups, plots, anchored),
    }
    if anchored:
        texts |= {
            "anchor.md": anchor_tables.markdown(groups, anchored),
            "anchor.csv": anchor_tables.csv_text(groups, anchored),
        }
    for plot in (plot for drawn in plots.values() for plot in drawn):
        write_bytes(out / "plots" / f"{plot.name}.png", plot.png)
        write_bytes(out / "plots" / f"{plot.name}.pdf", plot.pdf)
        write_text(out / "plots" / f"{plot.name}.svg", plot.svg)
    for name, text in texts.items():
        write_text(out / name, text)
    return out / "index.html"
