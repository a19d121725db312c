"""Quality against something that it is bought with: rate, compression or time. One figure for each metric."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from tokenbench.reporting.curves import Curve, find_curves
from tokenbench.reporting.figures import (
    LINE_COLOURS,
    STROKES,
    STYLES,
    Plot,
    axis_title,
    own_settings,
    save,
    set_grid,
    settle,
    style,
)
from tokenbench.reporting.formats import media_title, quantity
from tokenbench.reporting.leaderboard import Group, Row, Table
from tokenbench.reporting.plot_names import DPI, INK, MARKER_SIZE, Mark, along, draw_ceilings, draw_names

_SIZE_INCHES = (8.0, 5.2)


@dataclass(frozen=True)
class Price:
    """What quality is set against, on a logarithmic axis.

    Args:
        title: in the figure's title, behind "against".
        axis: the axis's own title.
        of: of a row, above zero and finite; None where it has none.
        missing: why a row is not drawn, in words.
        curves: whether the points of a codec are joined.
    """

    title: str
    axis: str
    of: Callable[[Row], float | None]
    missing: str
    curves: bool = False


@dataclass(frozen=True)
class _Point:
    """A row's place in one figure: price, value, the ends of its interval; and the colour that it is drawn in."""

    row: Row
    x: float
    y: float
    low: float
    high: float
    colour: str


@dataclass(frozen=True)
class _Line:
    """A curve in one figure: two of its points or more, by rising rate."""

    title: str
    colour: str
    stroke: Any
    points: tuple[_Point, ...]


def draw_scatter(group: Group, table: Table, metric: str, price: Price, name: str) -> Plot | None:
    """Every row that has both, the ceilings as lines; None where no row has."""
    points = _points(table, metric, price)
    if not points:
        return None
    lines = _lines(table, points) if price.curves else []
    ceilings = {row.entry.title: row.measure(metric).value for row in table.rows if row.run.is_ceiling}
    known = {title: value for title, value in ceilings.items() if value is not None}
    title = f"{media_title(table.media)}: {quantity(metric).title} against {price.title}"
    with own_settings():
        figure = Figure(figsize=_SIZE_INCHES, dpi=DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _set_frame(axes, points, list(known.values()))
        axes.set_xlabel(f"{price.axis} (log scale)")
        axes.set_ylabel(axis_title(metric))
        axes.set_title(f"{title}\n{group.heading}", fontsize=10, loc="left", pad=16)
        _draw_lines(axes, lines)
        _draw_points(axes, points)
        _draw_legend(figure, points, lines)
        settle(figure)
        taken = draw_ceilings(axes, canvas, known, metric)
        for line in lines:
            taken += along(axes, [point.x for point in line.points], [point.y for point in line.points])
        draw_names(axes, canvas, _marks(points, lines), taken)
        png, svg, pdf = save(figure)
    drawn = {point.row.entry.title for point in points} | set(known)
    left_out = tuple(row.entry.title for row in table.rows if row.entry.title not in drawn)
    return Plot(name, title, png, svg, pdf, left_out, price.missing)


def _points(table: Table, metric: str, price: Price) -> list[_Point]:
    """The rows that can be drawn as points: not the ceiling, and with a price and a value."""
    styled = _styled(table) if price.curves else []
    colours = {id(row): colour for curve, colour, _ in styled for row in curve.rows}
    points = []
    for row in table.rows:
        measure, x = row.measure(metric), price.of(row)
        if row.run.is_ceiling or x is None or measure.value is None or not math.isfinite(measure.value):
            continue
        ends = [end for end in (measure.value, measure.low, measure.high) if end is not None and math.isfinite(end)]
        colour = colours.get(id(row), style(row)[0])
        points.append(_Point(row, x, measure.value, min(ends), max(ends), colour))
    return points


def _styled(table: Table) -> list[tuple[Curve, str, Any]]:
    """The curves with a colour and a stroke each."""
    styles = ((colour, stroke) for stroke in STROKES for colour in LINE_COLOURS)
    return [(curve, *each) for curve, each in zip(find_curves(table), itertools.cycle(styles), strict=False)]


def _lines(table: Table, points: Sequence[_Point]) -> list[_Line]:
    of_row = {id(point.row): point for point in points}
    lines = [
        _Line(curve.title, colour, stroke, tuple(of_row[id(row)] for row in curve.rows if id(row) in of_row))
        for curve, colour, stroke in _styled(table)
    ]
    return [line for line in lines if len(line.points) > 1]


def _marks(points: Sequence[_Point], lines: Sequence[_Line]) -> list[Mark]:
    """What stands beside the points: of a curve the names of its two ends alone, which say what lies between."""
    inner = {id(point) for line in lines for point in line.points[1:-1]}
    return [
        Mark("" if id(point) in inner else point.row.entry.title, point.x, point.y, point.low, point.high, point.colour)
        for point in points
    ]


def _set_frame(axes: Axes, points: Sequence[_Point], ceilings: Sequence[float]) -> None:
    """Scales, limits and grid; a ceiling so far away that it would press the points together stays outside."""
    first, last = min(point.x for point in points), max(point.x for point in points)
    axes.set_xscale("log")
    axes.set_xlim(first / 1.6, last * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if last < 300 * first else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = min(point.low for point in points), max(point.high for point in points)
    span = (high - low) or abs(high) * 0.1 or 1.0
    near = [value for value in ceilings if low - span <= value <= high + span]
    axes.set_ylim(min([low, *near]) - 0.08 * span, max([high, *near]) + 0.1 * span)
    set_grid(axes)


def _draw_lines(axes: Axes, lines: Sequence[_Line]) -> None:
    for line in lines:
        xs, ys = [point.x for point in line.points], [point.y for point in line.points]
        axes.plot(xs, ys, color=line.colour, linestyle=line.stroke, linewidth=1.3)


def _draw_points(axes: Axes, points: Sequence[_Point]) -> None:
    """Those of one look together: each on its own would take several times as long."""
    looks: dict[tuple[str, str, bool], list[_Point]] = {}
    for point in points:
        looks.setdefault((point.colour, style(point.row)[1], point.row.run.storage == "none"), []).append(point)
    for (colour, marker, filled), alike in looks.items():
        axes.errorbar(
            [point.x for point in alike],
            [point.y for point in alike],
            yerr=[[point.y - point.low for point in alike], [point.high - point.y for point in alike]],
            color=colour,
            marker=marker,
            markersize=MARKER_SIZE,
            markerfacecolor=colour if filled else "none",
            markeredgewidth=1.4,
            linestyle="none",
            elinewidth=1.0,
            capsize=2.5,
        )


def _draw_legend(figure: Figure, points: Sequence[_Point], lines: Sequence[_Line]) -> None:
    """Curves by colour and stroke, kinds by colour and shape; a hollow marker for results that were stored."""
    on_curves = {id(point) for line in lines for point in line.points}
    kinds = {point.row.run.tokenizer.kind or "other": point for point in points if id(point) not in on_curves}
    handles = [
        Line2D([], [], color=line.colour, linestyle=line.stroke, marker=style(line.points[0].row)[1], label=line.title)
        for line in lines
    ]
    handles += [
        Line2D([], [], color=kinds[kind].colour, marker=style(kinds[kind].row)[1], linestyle="none", label=kind)
        for kind in sorted(kinds, key=lambda kind: ([*STYLES, kind].index(kind), kind))
    ]
    if any(point.row.run.storage != "none" for point in points):
        label = "hollow: stored before scoring"
        handles.append(Line2D([], [], color=INK, marker="o", markerfacecolor="none", linestyle="none", label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
