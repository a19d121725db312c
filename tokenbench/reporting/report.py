"""The whole report: tables, plots and the page, from the folders of finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import locked, remove_unfinished, write_bytes
from tokenbench.reporting import against, anchor_tables, domain_tables, slice_tables
from tokenbench.reporting.anchor import against_anchor
from tokenbench.reporting.comparisons import compare_all
from tokenbench.reporting.json_form import json_text
from tokenbench.reporting.leaderboard import group_runs
from tokenbench.reporting.model_index import model_indexes
from tokenbench.reporting.page import render_page
from tokenbench.reporting.plots import draw_plots
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.shots import take_shots
from tokenbench.reporting.slices import break_down
from tokenbench.reporting.speed import read_speeds
from tokenbench.reporting.tables import csv_text, latex, markdown


def write_report(
    runs: Sequence[Path],
    out: Path,
    *,
    anchor: str | None = None,
    baseline: str | None = None,
    throughput: Path | None = None,
    views: Mapping[Path, str] | None = None,
) -> Path:
    """Write leaderboard.md, .csv, .tex, .json, model-index/, plots/ and index.html into `out`, and what is asked for.

    Where clips have domains, or differ in what they are like, also domains.csv and .tex, slices.csv and .tex.

    All is read and drawn before the first file is written; each file is written whole or not at all.

    Args:
        runs: folders written by `tokenbench eval`, or their result.json.
        out: folder of the report; made where it is missing. Files of the same names are replaced.
        anchor: codec, two or more points of which are among the runs, that everything is set against: anchor.md, .csv.
        baseline: row that the others of its storage are compared with, clip by clip: against.md, .csv.
        throughput: throughput.json of `tokenbench throughput`, for figures of quality against time.
        views: by folder of a run, whole, the address of a page that shows its originals and reconstructions; the page
            links to it.

    Returns:
        The path of index.html.

    Raises:
        TokenBenchError: a run or the file of times cannot be used, anchor or baseline is not among the rows, or `out`
            cannot be written.
    """
    if not runs:
        raise TokenBenchError("no runs to report: name at least one folder written by 'tokenbench eval'")
    groups = group_runs(load_runs(runs))
    anchored = against_anchor(groups, anchor) if anchor else {}
    baselines = against.find_baselines(groups, baseline) if baseline else {}
    speeds = read_speeds(throughput) if throughput else {}
    comparisons = compare_all(groups)
    # Coding pictures lets other threads go on: figures are drawn meanwhile.
    with ThreadPoolExecutor(1) as beside:
        shots = beside.map(take_shots, groups)
        plots = {
            (group.slug, table.media): draw_plots(group, table, speeds) for group in groups for table in group.tables
        }
        breakdowns = {group.slug: break_down(group) for group in groups}
        page = render_page(
            groups,
            plots,
            list(shots),
            comparisons,
            breakdowns,
            anchored=anchored,
            baselines=baselines,
            views=views,
        )
    texts = {
        "leaderboard.md": "".join(
            [markdown(groups), domain_tables.markdown(groups), slice_tables.markdown(groups, breakdowns)]
        ),
        "leaderboard.csv": csv_text(groups),
        "leaderboard.tex": latex(groups),
        "leaderboard.json": json_text(groups, breakdowns),
        **{f"model-index/{name}": text for name, text in model_indexes(groups).items()},
        "index.html": page.html,
    }
    if any(table.domains for group in groups for table in group.tables):
        texts |= {"domains.csv": domain_tables.csv_text(groups), "domains.tex": domain_tables.latex(groups)}
    if any(each.slices for found in breakdowns.values() for each in found):
        texts |= {
            "slices.csv": slice_tables.csv_text(groups, breakdowns),
            "slices.tex": slice_tables.latex(groups, breakdowns),
        }
    if anchored:
        texts |= {
            "anchor.md": anchor_tables.markdown(groups, anchored),
            "anchor.csv": anchor_tables.csv_text(groups, anchored),
        }
    if baselines:
        texts |= {
            "against.md": against.markdown(groups, comparisons, baselines),
            "against.csv": against.csv_text(groups, comparisons, baselines),
        }
    figures = {
        f"plots/{plot.name}.{suffix}": data
        for drawn in plots.values()
        for plot in drawn
        for suffix, data in (("png", plot.png), ("pdf", plot.pdf), ("svg", plot.svg.encode()))
    }
    _write(out, {**figures, **page.files, **{name: text.encode() for name, text in texts.items()}})
    return out / "index.html"


def _write(out: Path, files: Mapping[str, bytes]) -> None:
    busy = f"{out}: another report is being written there; wait for it or choose another --out"
    # A report is handed on as it lies there.
    with locked(out / ".lock", busy, stays=False):
        remove_unfinished(*{(out / name).parent for name in files})
        for name, data in files.items():
            write_bytes(out / name, data)
