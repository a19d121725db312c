"""One metric by domain: a panel a domain, a bar a tokenizer."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tokenbench.reporting.domain_tables import of_domain
from tokenbench.reporting.figures import (
    OTHER_STYLE,
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
from tokenbench.reporting.plot_names import DPI, INK

_WIDTH_INCHES = 8.0
_ROW_INCHES = 0.24
_PANELS_ACROSS = 4
_DASHES: Any = (0, (5, 3))


def draw_domain_bars(group: Group, table: Table, metric: str, name: str) -> Plot | None:
    """The rows that are broken down, the ceilings as lines; None where nothing is."""
    rows = [row for row in table.rows if not row.run.is_ceiling and _values(row, table, metric)]
    domains = [domain for domain in table.domains if any(domain in _values(row, table, metric) for row in rows)]
    if len(domains) < 2:
        return None
    ceilings = [row for row in table.rows if row.run.is_ceiling]
    title = f"{media_title(table.media)}: {quantity(metric).title} by domain"
    across = min(len(domains), _PANELS_ACROSS)
    down = math.ceil(len(domains) / across)
    height = down * (len(rows) * _ROW_INCHES + 0.7) + 1.1
    with own_settings():
        figure = Figure(figsize=(_WIDTH_INCHES, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, domain in zip(panels, domains, strict=False):
            _draw_panel(axes, table, domain, metric, rows, ceilings)
        for axes in panels[len(domains) :]:
            axes.set_visible(False)
        _set_limits(panels[0], table, metric, rows)
        figure.suptitle(f"{title}\n{group.heading}", fontsize=10, x=0.01, ha="left")
        for axes in panels[max(0, len(domains) - across) : len(domains)]:
            axes.set_xlabel(axis_title(metric), fontsize=9)
        _draw_legend(figure, rows, ceilings)
        settle(figure)
        png, svg, pdf = save(figure)
    drawn = {row.entry.title for row in (*rows, *ceilings)}
    left_out = tuple(row.entry.title for row in table.rows if row.entry.title not in drawn)
    return Plot(name, title, png, svg, pdf, left_out, "Not broken down by domain")


def _values(row: Row, table: Table, metric: str) -> dict[str, float]:
    measures = {domain: of_domain(row, domain, metric).value for domain in table.domains}
    return {domain: value for domain, value in measures.items() if value is not None and math.isfinite(value)}


def _draw_panel(axes: Axes, table: Table, domain: str, metric: str, rows: list[Row], ceilings: list[Row]) -> None:
    for place, row in enumerate(rows):
        value = _values(row, table, metric).get(domain)
        if value is None:
            continue
        measure, colour = of_domain(row, domain, metric), style(row)[0]
        low, high = (value if end is None else end for end in (measure.low, measure.high))
        hollow = row.run.storage != "none"
        axes.barh(place, value, height=0.7, facecolor="none" if hollow else colour, edgecolor=colour, alpha=0.85)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.2)
    axes.set_title(domain, fontsize=9)
    axes.set_yticks(range(len(rows)), [row.entry.title for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
    set_grid(axes)
    axes.grid(visible=False, axis="y")
    for ceiling in ceilings:
        value = _values(ceiling, table, metric).get(domain)
        if value is not None:
            axes.axvline(value, color=INK, linewidth=1.0, linestyle=_DASHES)


def _draw_legend(figure: Figure, rows: list[Row], ceilings: list[Row]) -> None:
    found = {row.run.tokenizer.kind or "other" for row in rows}
    kinds = sorted(found, key=lambda kind: ([*STYLES, kind].index(kind), kind))
    handles: list[Artist] = [Patch(color=STYLES.get(kind, OTHER_STYLE)[0], label=kind) for kind in kinds]
    if any(row.run.storage != "none" for row in rows):
        handles.append(Patch(facecolor="none", edgecolor=INK, label="hollow: stored before scoring"))
    if ceilings:
        handles.append(Line2D([], [], color=INK, linewidth=1.0, linestyle=_DASHES, label="ceiling of a storage"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)


def _set_limits(axes: Axes, table: Table, metric: str, rows: list[Row]) -> None:
    """Bars begin at zero, as lengths must; the ceiling does not stretch the axis far beyond them."""
    ends = [
        end
        for row in rows
        for domain in table.domains
        for end in (of_domain(row, domain, metric).value, of_domain(row, domain, metric).high)
        if end is not None and math.isfinite(end)
    ]
    axes.set_xlim(min(0.0, *ends), max(0.0, *ends) * 1.08)
