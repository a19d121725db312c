"""What all figures have in common: colours, settings, and the files that they are saved as."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tokenbench.reporting.formats import quantity
from tokenbench.reporting.leaderboard import Row
from tokenbench.reporting.plot_names import DPI, INK

# Okabe and Ito's colours, which stay apart for colour-blind readers; shapes repeat the difference.
STYLES = {
    "continuous": ("#0072b2", "o"),
    "discrete": ("#d55e00", "s"),
    "codec": ("#009e73", "^"),
}
OTHER_STYLE = ("#7a7a7a", "D")

# Of lines in one figure: the colours that kinds leave over, and then the same ones again with other strokes.
LINE_COLOURS = ("#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#999933", "#332288")
STROKES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

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
        left_out: tokenizers that have nothing to draw, or for which there is no room.
        reason: why they are left out.
    """

    name: str
    title: str
    png: bytes
    svg: str
    pdf: bytes
    left_out: tuple[str, ...] = ()
    reason: str = ""


def style(row: Row) -> tuple[str, str]:
    """Colour and marker of a row's kind."""
    return STYLES.get(row.run.tokenizer.kind or "", OTHER_STYLE)


def axis_title(name: str) -> str:
    """What the axis of a metric shows, and which way is better where that is not up."""
    shown = quantity(name)
    return f"{shown.header}, lower is better" if shown.higher_is_better is False else shown.header


def set_grid(axes: Axes) -> None:
    """A quiet grid behind the data, and no frame above or to the right."""
    axes.grid(color="#8c959f", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


@contextmanager
def own_settings() -> Iterator[None]:
    """Matplotlib's defaults, not the user's own: the same runs give the same picture everywhere."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def settle(figure: Figure) -> None:
    """Give everything its final place: the layout is solved once, and not again for each file.

    What lies beside the axes must be drawn; distances on the paper may be measured from then on.
    """
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    # Not "none": its stand-in would have every file drawn twice.
    figure.set_layout_engine(None)


def save(figure: Figure) -> tuple[bytes, str, bytes]:
    """PNG, SVG and PDF without date and version, so that they can be compared byte by byte."""
    png, svg, pdf = io.BytesIO(), io.StringIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(svg, format="svg", transparent=True, metadata=no_metadata)
    no_metadata = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    figure.savefig(pdf, format="pdf", transparent=True, metadata=no_metadata)
    return png.getvalue(), svg.getvalue(), pdf.getvalue()
