"""The HTML page: one file that carries its plots, tables, styles and script, and loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tokenbench.pages import page_template
from tokenbench.reporting import domain_tables
from tokenbench.reporting.anchor import AnchoredTables
from tokenbench.reporting.anchor_tables import NOTE, blocks
from tokenbench.reporting.cells import board_cells, board_columns, clip_columns
from tokenbench.reporting.comparisons import Comparisons
from tokenbench.reporting.figures import Plot
from tokenbench.reporting.filters import filters, traits
from tokenbench.reporting.formats import CEILING_MARK, NOTHING, PARTIAL_MARK, media_title, quantity
from tokenbench.reporting.leaderboard import Group, Table
from tokenbench.reporting.page_data import as_json, clip_data, clip_metrics, comparison_data
from tokenbench.reporting.pictures import ERROR_GAIN, MAX_WIDTH, error_scale
from tokenbench.reporting.plot_names import INK
from tokenbench.reporting.provenance import provenance
from tokenbench.reporting.shots import Shots
from tokenbench.reporting.slice_tables import slice_section
from tokenbench.reporting.slices import Breakdowns

Plots = Mapping[tuple[str, str], Sequence[Plot]]
Baselines = Mapping[tuple[str, str], Sequence[int]]


@dataclass(frozen=True)
class Page:
    """The page's HTML, and the pictures that lie beside it where it would grow too large, by their names."""

    html: str
    files: dict[str, bytes] = field(default_factory=dict)


def render_page(
    groups: Sequence[Group],
    plots: Plots,
    shots: Sequence[Shots],
    comparisons: Comparisons,
    breakdowns: Breakdowns,
    *,
    anchored: AnchoredTables | None = None,
    baselines: Baselines | None = None,
    views: Mapping[Path, str] | None = None,
) -> Page:
    """The page.

    Args:
        groups: from `leaderboard.group_runs`.
        plots: the figures, by slug of the group and kind of media.
        shots: the pictures, of each group.
        comparisons: of the rows of each table, likewise.
        breakdowns: by what clips are like, from `slices.break_down`, by slug of the group.
        anchored: what stands beside the anchor, likewise.
        baselines: positions of the rows that others are compared with at first, likewise.
        views: by folder of a run, whole, the address of a page that shows its originals and reconstructions.
    """
    html = page_template("tokenbench.reporting", "report.html.j2").render(
        sections=[
            _section(part, group, own, plots, comparisons, anchored or {}, baselines or {})
            | {"slices": slice_section(group, breakdowns[group.slug]), "views": _views(group, views or {})}
            for part, (group, own) in enumerate(zip(groups, shots, strict=True), 1)
        ],
        filters=filters(groups),
        data=as_json(_data(groups, comparisons)),
        anchor_note=NOTE,
        domain_note=domain_tables.NOTE,
        partial_mark=PARTIAL_MARK,
        ceiling_mark=CEILING_MARK,
        error_gain=ERROR_GAIN,
        error_limit=round(255 / ERROR_GAIN),
        error_scale=error_scale(),
        max_width=MAX_WIDTH,
    )
    return Page(html, {name: data for own in shots for name, data in own.files.items()})


def _data(groups: Sequence[Group], comparisons: Comparisons) -> dict[str, Any]:
    """For the script, by the ids of the tables."""
    data: dict[str, Any] = {}
    for part, group in enumerate(groups, 1):
        data[f"clips-{part}"] = clip_data(group)
        for number, table in enumerate(group.tables, 1):
            data[f"board-{part}-{number}"] = comparison_data(table, comparisons[group.slug, table.media])
    return data


def _section(
    part: int,
    group: Group,
    shots: Shots,
    plots: Plots,
    comparisons: Comparisons,
    anchored: AnchoredTables,
    baselines: Baselines,
) -> dict[str, Any]:
    """All that the page says of one group."""
    links = {entry.title: f"run-{part}-{number}" for number, entry in enumerate(group.entries, 1)}
    boards = []
    for table in group.tables:
        key = group.slug, table.media
        boards.append(
            _board(table, links, plots[key])
            | {
                "compared": sorted({each.baseline for each in comparisons[key]}),
                "baseline": next(iter(baselines.get(key, [])), None),
                "anchored": [block for each in anchored.get(key, []) for block in blocks(each)],
            }
        )
    return {
        "heading": group.heading,
        "dataset": group.dataset.name,
        "facts": _facts(group),
        "protocol": _protocol(group),
        "tables": boards,
        "clip_columns": clip_columns(clip_metrics(group)),
        "clips": sum(len(entry.run.clips) for entry in group.entries),
        "failures": [(entry.title, failure) for entry in group.entries for failure in entry.run.failed],
        "unavailable": [
            (entry.title, quantity(name).title, reason)
            for entry in group.entries
            for name, reason in entry.run.unavailable.items()
        ],
        "samples": shots.entries,
        "worst_alone": shots.worst_alone,
        "provenance": [
            (links[entry.title], entry.title, [(key, _shown(value)) for key, value in provenance(entry.run).items()])
            for entry in group.entries
        ],
    }


def _views(group: Group, views: Mapping[Path, str]) -> list[tuple[str, str]]:
    """The addresses of pages of pictures, each with the titles of the runs that are shown there."""
    titles: dict[str, list[str]] = {}
    for entry in group.entries:
        if address := views.get(entry.run.folder.resolve()):
            titles.setdefault(address, []).append(entry.title)
    return [(address, ", ".join(names)) for address, names in titles.items()]


def _board(table: Table, links: Mapping[str, str], plots: Sequence[Plot]) -> dict[str, Any]:
    """A leaderboard with its figures and its domains."""
    return {
        "title": media_title(table.media),
        "columns": board_columns(table),
        "rows": [board_cells(table, row, links[row.entry.title]) for row in table.rows],
        "names": [row.entry.title for row in table.rows],
        "traits": [traits(row) for row in table.rows],
        "partial": any(row.partial for row in table.rows),
        "at_ceiling": any(row.at_ceiling for row in table.rows),
        "plots": [
            {"title": plot.title, "svg": _inline(plot), "left_out": ", ".join(plot.left_out), "reason": plot.reason}
            for plot in plots
        ],
        "domains": [
            {
                "title": f"{quantity(name).header} by domain",
                "columns": domain_tables.domain_columns(table),
                "rows": [cells for _, cells in rows],
                "traits": [traits(row) for row, _ in rows],
            }
            for name, rows in domain_tables.domain_blocks(table)
        ],
    }


def _facts(group: Group) -> list[tuple[str, str]]:
    dataset = group.dataset
    storages = dict.fromkeys(entry.run.storage for entry in group.entries)
    versions = dict.fromkeys(_shown(entry.run.environment.get("tokenbench")) for entry in group.entries)
    unknown = "not recorded: nothing shows that these runs saw the same clips"
    facts = {
        "Data set": dataset.name,
        "Protocol": dataset.protocol,
        "Storage": ", ".join(storages),
        "Clips": _most(entry.run.dataset.clips for entry in group.entries),
        "Frames": _most(entry.run.dataset.frames for entry in group.entries),
        "Results": len(group.entries),
        "TokenBench": ", ".join(versions),
        "Manifest SHA-256": dataset.manifest_sha256 or unknown,
        **{quantity(name).title: definition for name, definition in group.definitions.items()},
    }
    return [(key, _shown(value)) for key, value in facts.items()]


def _most(counts: Iterable[int | None]) -> int | None:
    """What the most complete run scored."""
    return max((count for count in counts if count is not None), default=None)


def _protocol(group: Group) -> list[tuple[str, str]]:
    """Every choice that the protocol records; where runs differ, as in storage, all of their values."""
    values: dict[str, dict[str, None]] = {}
    for entry in group.entries:
        for key, value in entry.run.protocol.items():
            values.setdefault(key, {})[_shown(value)] = None
    return [(key, " / ".join(shown)) for key, shown in values.items()]


def _shown(value: Any) -> str:
    """A JSON value as a reader wants it."""
    if isinstance(value, str):
        return value
    return NOTHING if value is None else json.dumps(value, ensure_ascii=False)


def _inline(plot: Plot) -> Markup:
    """A figure for the page: in the reader's text colour, as wide as its place, with ids of its own."""
    start = plot.svg.index("<svg")
    end = plot.svg.index(">", start)
    opening = re.sub(r' (width|height)="[^"]*"', "", plot.svg[start:end])
    body = (opening + plot.svg[end:]).replace(INK, "currentColor")
    return Markup(re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{plot.name}-", body))
