"""One picture a probe: input, reconstruction, difference, and the figures over their axis."""

from __future__ import annotations

import io
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tokenbench.probing.patterns import GREY
from tokenbench.probing.probe import Finding, Plot

DIFFERENCE_GAIN = 8

# Okabe and Ito's colours, which stay apart for colour-blind readers; shapes repeat the difference.
_STYLES = (("#0072b2", "o", "-"), ("#d55e00", "s", "--"), ("#009e73", "^", ":"), ("#7a7a7a", "D", "-."))
_INK = "#24292f"
_DPI = 100
# In pixels.
_SMALLEST_SIDE = 256
_GAP = 12
_HEAD = 26
_PLOT_MARGINS = (64, 14, 46, 8)  # left, right, bottom, top
_PLOT_WIDTH = 460
_MOST_MARKERS = 24

_SETTINGS: Any = {
    "text.parse_math": False,
    "font.size": 9.0,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
}


def draw(finding: Finding) -> bytes:
    """A PNG of a finding; pictures are shown pixel by pixel, enlarged by whole numbers alone."""
    panels = {
        "input": finding.pattern,
        "reconstruction": _eight_bits(finding.reconstruction),
        f"difference x {DIFFERENCE_GAIN} (grey: none)": difference(finding),
    }
    factor = max(1, -(-_SMALLEST_SIDE // len(finding.pattern)))
    side = factor * len(finding.pattern)
    width = _GAP + len(panels) * (side + _GAP) + (_PLOT_WIDTH if finding.plot else 0)
    height = side + _HEAD + _GAP
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        FigureCanvasAgg(figure)
        for number, (title, picture) in enumerate(panels.items()):
            left = _GAP + number * (side + _GAP)
            figure.figimage(picture.repeat(factor, 0).repeat(factor, 1), xo=left, yo=_GAP)
            figure.text(left / width, 1 - 18 / height, title)
        if finding.plot:
            left, right, bottom, top = _PLOT_MARGINS
            start = _GAP + len(panels) * (side + _GAP) + left
            box = (start / width, bottom / height, (width - start - right) / width, (height - bottom - top) / height)
            _plot(figure, box, finding.plot)
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return png.getvalue()


def difference(finding: Finding) -> NDArray[np.uint8]:
    """Reconstruction less input, amplified around mid grey."""
    levels = GREY + DIFFERENCE_GAIN * (finding.reconstruction - finding.pattern.astype(np.float32))
    return _eight_bits(levels)


def _eight_bits(levels: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.floor(levels + 0.5), 0, 255).astype(np.uint8)


def _plot(figure: Figure, box: tuple[float, float, float, float], plot: Plot) -> None:
    axes = figure.add_axes(box)
    for (name, (x, y)), (colour, marker, line) in zip(plot.curves.items(), cycle(_STYLES), strict=False):
        every = max(1, len(x) // _MOST_MARKERS)
        axes.plot(x, y, color=colour, marker=marker, linestyle=line, markersize=4, markevery=every, label=name)
    if plot.mark is not None:
        axes.axhline(plot.mark, color=_INK, linewidth=0.8, linestyle=(0, (5, 3)))
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.grid(color="#8c959f", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(plot.curves) > 1:
        axes.legend(frameon=False, fontsize=8)
