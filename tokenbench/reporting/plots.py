"""Quality against rate: one figure for each leaderboard and metric."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from tokenbench.reporting.formats import RATE, media_title, quantity
from tokenbench.reporting.labels import NEAR, Box, Name, place
from tokenbench.reporting.leaderboard import Group, Row, Table

# Ink of text and axes; the page puts the reader's own text colour in its place.
INK = "#24292f"

# Okabe and Ito's colours, which stay apart for colour-blind readers; shapes repeat the difference.
_STYLES = {
    "continuous": ("#0072b2", "o"),
    "discrete": ("#d55e00", "s"),
    "codec": ("#009e73", "^"),
}
_OTHER_STYLE = ("#7a7a7a", "D")

_METRICS = ("psnr", "ssim")
_SIZE_INCHES = (8.0, 5.2)
_DPI = 160
_LABEL_SIZE = 8.0
_MARKER_SIZE = 7.0

_SETTINGS: Any = {
    "svg.hashsalt": "tokenbench",
    "svg.fonttype": "path",
    "text.parse_math": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


@dataclass(frozen=True)
class Plot:
    """A finished figure.

    Args:
        name: for its files.
        title: what it shows.
        png: on white, for files.
        svg: without background, text and axes in `INK`.
        left_out: tokenizers without a rate or a value, which cannot be drawn.
    """

    name: str
    title: str
    png: bytes
    svg: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Point:
    """A row's place in one figure: rate, value, the ends of its interval."""

    row: Row
    x: float
    y: float
    low: float
    high: float

    @property
    def colour(self) -> str:
        return _STYLES.get(self.row.run.tokenizer.kind or "", _OTHER_STYLE)[0]

    @property
    def marker(self) -> str:
        return _STYLES.get(self.row.run.tokenizer.kind or "", _OTHER_STYLE)[1]


def draw_plots(group: Group, table: Table) -> list[Plot]:
    """The figures of one leaderboard; none for a metric of which no point can be drawn."""
    return [_draw(group, table, name) for name in _METRICS if _points(table, name)]


def _points(table: Table, name: str) -> list[_Point]:
    """The rows that can be drawn as points: not the ceiling, and with a rate and a value."""
    points = []
    for row in table.rows:
        measure, rate = row.measure(name), row.rate
        if row.run.is_ceiling or measure.value is None or not math.isfinite(measure.value):
            continue
        if rate is None or not 0 < rate < math.inf:
            continue
        ends = [end for end in (measure.value, measure.low, measure.high) if end is not None and math.isfinite(end)]
        points.append(_Point(row, rate, measure.value, min(ends), max(ends)))
    return points


def _draw(group: Group, table: Table, name: str) -> Plot:
    points = _points(table, name)
    ceilings = {row.entry.title: row.measure(name).value for row in table.rows if row.run.is_ceiling}
    known = {title: value for title, value in ceilings.items() if value is not None}
    title = f"{media_title(table.media)}: {quantity(name).title} against rate"
    with _own_settings():
        figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _set_frame(axes, points, list(known.values()))
        axes.set_ylabel(quantity(name).header)
        axes.set_title(f"{title}\n{group.heading}", fontsize=10, loc="left", pad=16)
        _draw_points(axes, points)
        _draw_legend(figure, points)
        # The layout must be final before distances on the paper are measured.
        canvas.draw()
        figure.set_layout_engine("none")
        _draw_names(axes, canvas, points, _draw_ceilings(axes, canvas, known, name))
        png, svg = _save(figure)
    drawn = {point.row.entry.title for point in points} | set(known)
    left_out = tuple(row.entry.title for row in table.rows if row.entry.title not in drawn)
    return Plot(f"{group.slug}-{table.slug}-{name}", title, png, svg, left_out)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Matplotlib's defaults, not the user's own: the same runs give the same picture everywhere."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _set_frame(axes: Axes, points: Sequence[_Point], ceilings: Sequence[float]) -> None:
    """Scales, limits and grid; a ceiling so high that it would press the points together stays outside."""
    first, last = min(point.x for point in points), max(point.x for point in points)
    axes.set_xscale("log")
    axes.set_xlim(first / 1.6, last * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if last < 300 * first else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{quantity(RATE).title} (log scale)")
    low, high = min(point.low for point in points), max(point.high for point in points)
    span = (high - low) or abs(high) * 0.1 or 1.0
    near = [value for value in ceilings if high < value <= high + span]
    axes.set_ylim(low - 0.08 * span, max([high, *near]) + 0.1 * span)
    axes.grid(color="#8c959f", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_points(axes: Axes, points: Sequence[_Point]) -> None:
    for point in points:
        axes.errorbar(
            [point.x],
            [point.y],
            yerr=[[point.y - point.low], [point.high - point.y]],
            color=point.colour,
            marker=point.marker,
            markersize=_MARKER_SIZE,
            markerfacecolor=point.colour if point.row.run.storage == "none" else "none",
            markeredgewidth=1.4,
            elinewidth=1.0,
            capsize=2.5,
        )


def _draw_ceilings(axes: Axes, canvas: FigureCanvasAgg, ceilings: dict[str, float], name: str) -> list[Box]:
    """A dashed line at each ceiling, or its name above the axes; gives the room that the lines take."""
    bottom, top = axes.get_ylim()
    frame = _frame_box(axes)
    outside: list[str] = []
    taken: list[Box] = []
    for title, value in sorted(ceilings.items(), key=lambda item: (-item[1], item[0])):
        text = f"{title}: {quantity(name).format(value)}"
        if not bottom <= value <= top:
            outside.append(text)
            continue
        axes.axhline(value, color=INK, linewidth=1.0, linestyle=(0, (5, 3)))
        y = _on_paper(axes, axes.get_xlim()[0], value)[1]
        width, height = _text_size(axes, canvas, text)
        # Where lines are close together, the names of the lower ones stand below them, side by side.
        close = [box for box in taken if box.bottom < y + height + 4]
        left = max((box.right for box in close), default=frame.left) + 4
        up = -height - 3 if close else 2
        _write(axes, text, value, left - frame.left, up)
        taken.append(Box(left, y + up, left + width + 4, y + up + height))
    if outside:
        _write(axes, f"ceiling above the axes: {', '.join(outside)}", top, 4, 2)
    lines = [_on_paper(axes, axes.get_xlim()[0], value)[1] for value in ceilings.values() if value <= top]
    return [*taken, *(Box(frame.left, y - 1, frame.right, y + 1) for y in lines)]


def _write(axes: Axes, text: str, value: float, right: float, up: float) -> None:
    """Small text so many points from where the line at `value` begins."""
    axes.annotate(
        text,
        (0.0, value),
        xycoords=("axes fraction", "data"),
        xytext=(right, up),
        textcoords="offset points",
        va="bottom",
        fontsize=_LABEL_SIZE,
    )


def _draw_names(axes: Axes, canvas: FigureCanvasAgg, points: Sequence[_Point], taken: Sequence[Box]) -> None:
    """The names beside their points, with a thin line to those that had to move away."""
    names, markers, bars = [], list(taken), []
    for point in points:
        x, y = _on_paper(axes, point.x, point.y)
        names.append(Name(x, y, *_text_size(axes, canvas, point.row.entry.title)))
        markers.append(Box(x, y, x, y).grown(_MARKER_SIZE / 2))
        bars.append(Box(x - 2, _on_paper(axes, point.x, point.low)[1], x + 2, _on_paper(axes, point.x, point.high)[1]))
    spots = place(names, _frame_box(axes), markers, bars)
    for point, name, spot in zip(points, names, spots, strict=True):
        leader = {"arrowstyle": "-", "color": point.colour, "linewidth": 0.7}
        x, y = spot.box.centre
        axes.annotate(
            point.row.entry.title,
            (point.x, point.y),
            xytext=(x - name.x, y - name.y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_LABEL_SIZE,
            arrowprops=leader if spot.away > NEAR else None,
        )


def _text_size(axes: Axes, canvas: FigureCanvasAgg, text: str) -> tuple[float, float]:
    """Width and height that a name takes, in points."""
    artist = axes.text(0, 0, text, fontsize=_LABEL_SIZE)
    extent, scale = artist.get_window_extent(canvas.get_renderer()), 72 / _DPI
    artist.remove()
    return extent.width * scale, extent.height * scale


def _on_paper(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where data lie on the paper, in points."""
    across, up = axes.transData.transform((x, y))
    return across * 72 / _DPI, up * 72 / _DPI


def _frame_box(axes: Axes) -> Box:
    extent, scale = axes.get_window_extent(), 72 / _DPI
    return Box(extent.x0 * scale, extent.y0 * scale, extent.x1 * scale, extent.y1 * scale)


def _draw_legend(figure: Figure, points: Sequence[_Point]) -> None:
    """Kinds by colour and shape; a hollow marker for results that were stored."""
    kinds = {point.row.run.tokenizer.kind or "other": point for point in points}
    handles = [
        Line2D([], [], color=kinds[kind].colour, marker=kinds[kind].marker, linestyle="none", label=kind)
        for kind in sorted(kinds, key=lambda kind: ([*_STYLES, kind].index(kind), kind))
    ]
    if any(point.row.run.storage != "none" for point in points):
        label = "hollow: stored before scoring"
        handles.append(Line2D([], [], color=INK, marker="o", markerfacecolor="none", linestyle="none", label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)


def _save(figure: Figure) -> tuple[bytes, str]:
    """PNG and SVG without date and version, so that they can be compared byte by byte."""
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(svg, format="svg", transparent=True, metadata=no_metadata)
    return png.getvalue(), svg.getvalue()
