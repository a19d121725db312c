"""PSNR frame by frame: what a mean over a clip hides, as the seams between the windows of a tokenizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tokenbench.reporting.figures import LINE_COLOURS, STROKES, Plot, own_settings, save, set_grid, settle
from tokenbench.reporting.formats import media_title, quantity
from tokenbench.reporting.frame_scores import read_frames
from tokenbench.reporting.leaderboard import Group, Row, Table
from tokenbench.reporting.plot_names import DPI, INK

# As many as can be told apart where their lines cross.
_MOST_LINES = 6
_WIDTH_INCHES = 8.0
_PANEL_INCHES = 2.5

_STYLES = [(colour, stroke) for stroke, colour in product(STROKES[:2], LINE_COLOURS)]


def draw_frame_curves(group: Group, table: Table, name: str) -> Plot | None:
    """The hardest clip and the median one; None where no run has the scores of its frames.

    Tokenizers come before codecs, and within each those that stand first in the table. A dot marks the first frame of
    every window but the first, where clips were cut into windows.
    """
    rows = _chosen(table)
    clips = _clips(rows, table.media)
    series = {row.entry.title: read_frames(row.run.folder, clips) for row in rows}
    series = {title: found for title, found in series.items() if found}
    if not series:
        return None
    windows = {row.entry.title: row.run.tokenizer.window for row in rows if row.entry.title in series}
    title = f"{media_title(table.media)}: {quantity('psnr').title} of every frame"
    with own_settings():
        figure = Figure(figsize=(_WIDTH_INCHES, _PANEL_INCHES * len(clips) + 1.0), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(clips), 1, squeeze=False).ravel()
        for axes, (clip, place) in zip(panels, clips.items(), strict=True):
            scores = {name: found.get(clip, []) for name, found in series.items()}
            _draw_panel(axes, f"{place} clip: {clip}", scores, windows)
        panels[-1].set_xlabel("Frame")
        figure.suptitle(f"{title}\n{group.heading}", fontsize=10, x=0.01, ha="left")
        _draw_legend(figure, panels[0], any(windows.values()))
        settle(figure)
        png, svg, pdf = save(figure)
    left_out = tuple(row.entry.title for row in table.rows if row.entry.title not in series and not row.run.is_ceiling)
    return Plot(name, title, png, svg, pdf, left_out, "No room, or no scores of frames")


def _chosen(table: Table) -> list[Row]:
    with_frames = [row for row in table.rows if not row.run.is_ceiling and (row.run.folder / "frames.csv").is_file()]
    return sorted(with_frames, key=lambda row: (row.run.storage != "none", row.run.tokenizer.kind == "codec"))[
        :_MOST_LINES
    ]


def _clips(rows: Sequence[Row], media: str) -> dict[str, str]:
    """The clip with the lowest PSNR over the rows, and the one in the middle, of those that all rows have."""
    scores = [_psnr(row, media) for row in rows]
    common = set.intersection(*map(set, scores)) if scores else set()
    order = sorted(common, key=lambda clip: (sum(each[clip] for each in scores), clip))
    return {order[0]: "hardest", order[len(order) // 2]: "median"} if len(order) > 1 else dict.fromkeys(order, "only")


def _psnr(row: Row, media: str) -> dict[str, float]:
    videos = [clip for clip in row.run.clips if clip.media == "video" and media in ("video", "all")]
    return {clip.clip: psnr for clip in videos if (psnr := clip.scores.get("psnr")) is not None}


def _draw_panel(
    axes: Axes, title: str, series: Mapping[str, Sequence[float]], windows: Mapping[str, int | None]
) -> None:
    for (name, values), (colour, stroke) in zip(series.items(), _STYLES, strict=False):
        finite = [value if math.isfinite(value) else math.nan for value in values]
        axes.plot(range(len(finite)), finite, color=colour, linestyle=stroke, linewidth=1.3, label=name)
        if window := windows[name]:
            starts = range(window, len(finite), window)
            axes.plot(starts, finite[window::window], color=colour, marker="o", markersize=4, linestyle="none")
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_ylabel(quantity("psnr").header)
    axes.margins(x=0.01)
    set_grid(axes)


def _draw_legend(figure: Figure, axes: Axes, windowed: bool) -> None:
    handles, _ = axes.get_legend_handles_labels()
    if windowed:
        handles.append(Line2D([], [], color=INK, marker="o", markersize=4, linestyle="none", label="a window begins"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
