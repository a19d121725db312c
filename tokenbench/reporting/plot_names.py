"""Names in a figure: of points, beside them; of ceilings, along their lines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tokenbench.reporting.formats import quantity
from tokenbench.reporting.labels import NEAR, Box, Name, place

# Ink of text and axes; the page puts the reader's own text colour in its place.
INK = "#24292f"

DPI = 160
MARKER_SIZE = 7.0
_LABEL_SIZE = 8.0


@dataclass(frozen=True)
class Mark:
    """A point of a figure that has a name, or that no name should cover.

    Args:
        text: the name; empty where it has none.
        x: where it is.
        y: where it is.
        low: where its error bar begins.
        high: where that ends.
        colour: of the line to a name that had to move away.
    """

    text: str
    x: float
    y: float
    low: float
    high: float
    colour: str


def draw_names(axes: Axes, canvas: FigureCanvasAgg, marks: Sequence[Mark], taken: Sequence[Box]) -> None:
    """The names beside their points, with a thin line to those that had to move away.

    Args:
        axes: whose limits are final.
        canvas: of the figure, drawn once.
        marks: all points.
        taken: where something stands already.
    """
    named = [mark for mark in marks if mark.text]
    markers, bars = list(taken), []
    for mark in marks:
        x, y = on_paper(axes, mark.x, mark.y)
        markers.append(Box(x, y, x, y).grown(MARKER_SIZE / 2))
        bars.append(Box(x - 2, on_paper(axes, mark.x, mark.low)[1], x + 2, on_paper(axes, mark.x, mark.high)[1]))
    names = [Name(*on_paper(axes, mark.x, mark.y), *_text_size(axes, canvas, mark.text)) for mark in named]
    spots = place(names, _frame_box(axes), markers, bars)
    for mark, name, spot in zip(named, names, spots, strict=True):
        leader = {"arrowstyle": "-", "color": mark.colour, "linewidth": 0.7}
        x, y = spot.box.centre
        axes.annotate(
            mark.text,
            (mark.x, mark.y),
            xytext=(x - name.x, y - name.y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_LABEL_SIZE,
            arrowprops=leader if spot.away > NEAR else None,
        )


def along(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> list[Box]:
    """Small boxes along the straight lines from point to point."""
    points = [on_paper(axes, x, y) for x, y in zip(xs, ys, strict=True)]
    boxes = []
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        steps = max(1, round(math.hypot(next_x - x, next_y - y) / 4))
        for step in range(steps):
            at_x, at_y = x + (next_x - x) * step / steps, y + (next_y - y) * step / steps
            boxes.append(Box(at_x, at_y, at_x, at_y).grown(1))
    return boxes


def draw_ceilings(axes: Axes, canvas: FigureCanvasAgg, ceilings: dict[str, float], name: str) -> list[Box]:
    """A dashed line at each ceiling, or its name above the axes; gives the room that the lines take."""
    bottom, top = axes.get_ylim()
    frame = _frame_box(axes)
    outside: dict[str, list[str]] = {}
    taken: list[Box] = []
    lines: list[Box] = []
    for title, value in sorted(ceilings.items(), key=lambda item: (-item[1], item[0])):
        text = f"{title}: {quantity(name).format(value)}"
        if not bottom <= value <= top:
            outside.setdefault("above" if value > top else "below", []).append(text)
            continue
        axes.axhline(value, color=INK, linewidth=1.0, linestyle=(0, (5, 3)))
        y = on_paper(axes, axes.get_xlim()[0], value)[1]
        width, height = _text_size(axes, canvas, text)
        # Where lines are close together, the names of the lower ones stand below them, side by side.
        close = [box for box in taken if box.bottom < y + height + 4]
        left = max((box.right for box in close), default=frame.left) + 4
        up = -height - 3 if close else 2
        _write(axes, text, value, left - frame.left, up)
        taken.append(Box(left, y + up, left + width + 4, y + up + height))
        lines.append(Box(frame.left, y - 1, frame.right, y + 1))
    if outside:
        texts = [f"ceiling {side} the axes: {', '.join(names)}" for side, names in outside.items()]
        _write(axes, "; ".join(texts), top, 4, 2)
    return [*taken, *lines]


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


def _text_size(axes: Axes, canvas: FigureCanvasAgg, text: str) -> tuple[float, float]:
    """Width and height that a name takes, in points."""
    artist = axes.text(0, 0, text, fontsize=_LABEL_SIZE)
    extent, scale = artist.get_window_extent(canvas.get_renderer()), 72 / DPI
    artist.remove()
    return extent.width * scale, extent.height * scale


def on_paper(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where data lie on the paper, in points."""
    across, up = axes.transData.transform((x, y))
    return across * 72 / DPI, up * 72 / DPI


def _frame_box(axes: Axes) -> Box:
    extent, scale = axes.get_window_extent(), 72 / DPI
    return Box(extent.x0 * scale, extent.y0 * scale, extent.x1 * scale, extent.y1 * scale)
