"""Quality against rate: one figure for each leaderboard and metric."""

from __future__ import annotations

import io
import itertools
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

from tokenbench.reporting.curves import Curve, find_curves, has_rate
from tokenbench.reporting.formats import RATE, media_title, quantity
from tokenbench.reporting.leaderboard import Group, Row, Table, file_slug, unique_names
from tokenbench.reporting.plot_names import DPI, INK, MARKER_SIZE, Mark, along, draw_ceilings, draw_names

# Okabe and Ito's colours, which stay apart for colour-blind readers; shapes repeat the difference.
_STYLES = {
    "continuous": ("#0072b2", "o"),
    "discrete": ("#d55e00", "s"),
    "codec": ("#009e73", "^"),
}
_OTHER_STYLE = ("#7a7a7a", "D")

# Of curves in one figure: the colours that kinds leave over, and then the same ones again with other strokes.
_CURVE_COLOURS = ("#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#999933", "#332288")
_STROKES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

_SIZE_INCHES = (8.0, 5.2)

_SETTINGS: Any = {
    # Fonts that editors and journals' checks take.
    "pdf.fonttype": 42,
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
        pdf: likewise.
        left_out: tokenizers without a rate or a value, which cannot be drawn.
    """

    name: str
    title: str
    png: bytes
    svg: str
    pdf: bytes
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Point:
    """A row's place in one figure: rate, value, the ends of its interval; and the colour that it is drawn in."""

    row: Row
    x: float
    y: float
    low: float
    high: float
    colour: str

    @property
    def marker(self) -> str:
        return _STYLES.get(self.row.run.tokenizer.kind or "", _OTHER_STYLE)[1]


@dataclass(frozen=True)
class _Line:
    """A curve in one figure: two of its points or more, by rising rate."""

    title: str
    colour: str
    stroke: Any
    points: tuple[_Point, ...]


def draw_plots(group: Group, table: Table) -> list[Plot]:
    """The figures of one leaderboard, one a metric; none for a metric of which no point can be drawn."""
    drawn = [name for name in table.qualities if _points(table, name)]
    slugs = unique_names([file_slug(name) for name in drawn])
    return [_draw(group, table, name, slug) for name, slug in zip(drawn, slugs, strict=True)]


def _points(table: Table, name: str) -> list[_Point]:
    """The rows that can be drawn as points: not the ceiling, and with a rate and a value."""
    colours = {id(row): colour for curve, colour, _ in _styled(table) for row in curve.rows}
    points = []
    for row in table.rows:
        measure, rate = row.measure(name), row.rate
        if row.run.is_ceiling or measure.value is None or not math.isfinite(measure.value):
            continue
        if rate is None or not has_rate(row):
            continue
        ends = [end for end in (measure.value, measure.low, measure.high) if end is not None and math.isfinite(end)]
        own = _STYLES.get(row.run.tokenizer.kind or "", _OTHER_STYLE)[0]
        points.append(_Point(row, rate, measure.value, min(ends), max(ends), colours.get(id(row), own)))
    return points


def _styled(table: Table) -> list[tuple[Curve, str, Any]]:
    """The curves with a colour and a stroke each."""
    styles = ((colour, stroke) for stroke in _STROKES for colour in _CURVE_COLOURS)
    return [(curve, *style) for curve, style in zip(find_curves(table), itertools.cycle(styles), strict=False)]


def _lines(table: Table, points: Sequence[_Point]) -> list[_Line]:
    of_row = {id(point.row): point for point in points}
    lines = [
        _Line(curve.title, colour, stroke, tuple(of_row[id(row)] for row in curve.rows if id(row) in of_row))
        for curve, colour, stroke in _styled(table)
    ]
    return [line for line in lines if len(line.points) > 1]


def _draw(group: Group, table: Table, name: str, slug: str) -> Plot:
    points = _points(table, name)
    lines = _lines(table, points)
    ceilings = {row.entry.title: row.measure(name).value for row in table.rows if row.run.is_ceiling}
    known = {title: value for title, value in ceilings.items() if value is not None}
    title = f"{media_title(table.media)}: {quantity(name).title} against rate"
    with _own_settings():
        figure = Figure(figsize=_SIZE_INCHES, dpi=DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _set_frame(axes, points, list(known.values()))
        axes.set_ylabel(_axis(name))
        axes.set_title(f"{title}\n{group.heading}", fontsize=10, loc="left", pad=16)
        _draw_lines(axes, lines)
        _draw_points(axes, points)
        _draw_legend(figure, points, lines)
        # The layout must be final before distances on the paper are measured.
        canvas.draw()
        figure.set_layout_engine("none")
        taken = draw_ceilings(axes, canvas, known, name)
        for line in lines:
            taken += along(axes, [point.x for point in line.points], [point.y for point in line.points])
        draw_names(axes, canvas, _marks(points, lines), taken)
        png, svg, pdf = _save(figure)
    drawn = {point.row.entry.title for point in points} | set(known)
    left_out = tuple(row.entry.title for row in table.rows if row.entry.title not in drawn)
    return Plot(f"{group.slug}-{table.slug}-{slug}", title, png, svg, pdf, left_out)


def _axis(name: str) -> str:
    """What the vertical axis shows, and which way is better where that is not up."""
    shown = quantity(name)
    return f"{shown.header}, lower is better" if shown.higher_is_better is False else shown.header


def _marks(points: Sequence[_Point], lines: Sequence[_Line]) -> list[Mark]:
    """What stands beside the points: of a curve the names of its two ends alone, which say what lies between."""
    inner = {id(point) for line in lines for point in line.points[1:-1]}
    return [
        Mark("" if id(point) in inner else point.row.entry.title, point.x, point.y, point.low, point.high, point.colour)
        for point in points
    ]


@contextmanager
def _own_settings() -> Iterator[None]:
    """Matplotlib's defaults, not the user's own: the same runs give the same picture everywhere."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _set_frame(axes: Axes, points: Sequence[_Point], ceilings: Sequence[float]) -> None:
    """Scales, limits and grid; a ceiling so far away that it would press the points together stays outside."""
    first, last = min(point.x for point in points), max(point.x for point in points)
    axes.set_xscale("log")
    axes.set_xlim(first / 1.6, last * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if last < 300 * first else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{quantity(RATE).title} (log scale)")
    low, high = min(point.low for point in points), max(point.high for point in points)
    span = (high - low) or abs(high) * 0.1 or 1.0
    near = [value for value in ceilings if low - span <= value <= high + span]
    axes.set_ylim(min([low, *near]) - 0.08 * span, max([high, *near]) + 0.1 * span)
    axes.grid(color="#8c959f", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_lines(axes: Axes, lines: Sequence[_Line]) -> None:
    for line in lines:
        xs, ys = [point.x for point in line.points], [point.y for point in line.points]
        axes.plot(xs, ys, color=line.colour, linestyle=line.stroke, linewidth=1.3)


def _draw_points(axes: Axes, points: Sequence[_Point]) -> None:
    for point in points:
        axes.errorbar(
            [point.x],
            [point.y],
            yerr=[[point.y - point.low], [point.high - point.y]],
            color=point.colour,
            marker=point.marker,
            markersize=MARKER_SIZE,
            markerfacecolor=point.colour if point.row.run.storage == "none" else "none",
            markeredgewidth=1.4,
            elinewidth=1.0,
            capsize=2.5,
        )


def _draw_legend(figure: Figure, points: Sequence[_Point], lines: Sequence[_Line]) -> None:
    """Curves by colour and stroke, kinds by colour and shape; a hollow marker for results that were stored."""
    on_curves = {id(point) for line in lines for point in line.points}
    kinds = {point.row.run.tokenizer.kind or "other": point for point in points if id(point) not in on_curves}
    handles = [
        Line2D([], [], color=line.colour, linestyle=line.stroke, marker=line.points[0].marker, label=line.title)
        for line in lines
    ]
    handles += [
        Line2D([], [], color=kinds[kind].colour, marker=kinds[kind].marker, linestyle="none", label=kind)
        for kind in sorted(kinds, key=lambda kind: ([*_STYLES, kind].index(kind), kind))
    ]
    if any(point.row.run.storage != "none" for point in points):
        label = "hollow: stored before scoring"
        handles.append(Line2D([], [], color=INK, marker="o", markerfacecolor="none", linestyle="none", label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)


def _save(figure: Figure) -> tuple[bytes, str, bytes]:
    """PNG, SVG and PDF without date and version, so that they can be compared byte by byte."""
    png, svg, pdf = io.BytesIO(), io.StringIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(svg, format="svg", transparent=True, metadata=no_metadata)
    no_metadata = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    figure.savefig(pdf, format="pdf", transparent=True, metadata=no_metadata)
    return png.getvalue(), svg.getvalue(), pdf.getvalue()
