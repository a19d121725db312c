"""The HTML page: one file that carries its plots, pictures, styles and script, and loads nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tokenbench.pages import page_template
from tokenbench.reporting.anchor import Anchored, AnchoredTables
from tokenbench.reporting.anchor_tables import NOTE, blocks
from tokenbench.reporting.cells import board_cells, board_columns, clip_cells, clip_columns
from tokenbench.reporting.formats import NOTHING, PARTIAL_MARK, TIMES, media_title, quality_names, quantity
from tokenbench.reporting.leaderboard import Entry, Group, Table
from tokenbench.reporting.pictures import ERROR_GAIN, MAX_WIDTH, compare, error_scale
from tokenbench.reporting.plot_names import INK
from tokenbench.reporting.plots import Plot
from tokenbench.reporting.runs import Sample

_OPEN_AT_FIRST = 4
_ONE_OF = {"image": "photograph"}


def render_page(
    groups: Sequence[Group],
    plots: Mapping[tuple[str, str], Sequence[Plot]],
    anchored: AnchoredTables | None = None,
) -> str:
    """The page's HTML.

    Args:
        groups: from `leaderboard.group_runs`.
        plots: the figures, by slug of the group and kind of media.
        anchored: what stands beside the anchor, likewise.
    """
    return page_template("tokenbench.reporting", "report.html.j2").render(
        sections=[_section(group, plots, anchored or {}) for group in groups],
        anchor_note=NOTE,
        partial_mark=PARTIAL_MARK,
        error_gain=ERROR_GAIN,
        error_limit=round(255 / ERROR_GAIN),
        error_scale=error_scale(),
        max_width=MAX_WIDTH,
    )


def _section(group: Group, plots: Mapping[tuple[str, str], Sequence[Plot]], anchored: AnchoredTables) -> dict[str, Any]:
    """All that the page says of one group."""
    clips = [(entry, clip) for entry in group.entries for clip in entry.run.clips]
    names = quality_names({name for _, clip in clips for name in clip.scores})
    return {
        "heading": group.heading,
        "facts": _facts(group),
        "protocol": _protocol(group),
        "tables": [
            _board(table, plots[group.slug, table.media], anchored.get((group.slug, table.media), []))
            for table in group.tables
        ],
        "clip_columns": clip_columns(names),
        "clip_rows": [clip_cells(entry, clip, names) for entry, clip in clips],
        "failures": [(entry.title, failure) for entry in group.entries for failure in entry.run.failed],
        "unavailable": [
            (entry.title, quantity(name).title, reason)
            for entry in group.entries
            for name, reason in entry.run.unavailable.items()
        ],
        "samples": _samples(group),
        "provenance": [(entry.title, _provenance(entry)) for entry in group.entries],
    }


def _board(table: Table, plots: Sequence[Plot], anchored: Sequence[Anchored]) -> dict[str, Any]:
    """A leaderboard with its figures, and what stands beside the anchor."""
    return {
        "title": media_title(table.media),
        "columns": board_columns(table),
        "rows": [board_cells(table, row) for row in table.rows],
        "partial": any(row.partial for row in table.rows),
        "plots": [{"title": plot.title, "svg": _inline(plot), "left_out": ", ".join(plot.left_out)} for plot in plots],
        "anchored": [block for each in anchored for block in blocks(each)],
    }


def _facts(group: Group) -> list[tuple[str, str]]:
    dataset = group.dataset
    storages = dict.fromkeys(entry.run.storage for entry in group.entries)
    unknown = "not recorded: nothing shows that these runs saw the same clips"
    facts = {
        "Data set": dataset.name,
        "Protocol": dataset.protocol,
        "Storage": ", ".join(storages),
        "Clips": _most(entry.run.dataset.clips for entry in group.entries),
        "Frames": _most(entry.run.dataset.frames for entry in group.entries),
        "Results": len(group.entries),
        "Manifest SHA-256": dataset.manifest_sha256 or unknown,
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


def _samples(group: Group) -> list[dict[str, Any]]:
    """The pictures of every tokenizer; the first contestants are open, the others a click away."""
    entries = [entry for entry in group.entries if entry.run.samples]
    opened = [entry for entry in entries if not entry.run.is_ceiling][:_OPEN_AT_FIRST]
    return [
        {
            "title": entry.title,
            "open": entry in opened,
            "shots": [_shot(sample) for sample in entry.run.samples],
        }
        for entry in entries
    ]


def _shot(sample: Sample) -> dict[str, Any]:
    """A sample's caption and pictures."""
    comparison = compare(sample)
    pictures = {
        "original": comparison.original,
        "reconstruction": comparison.reconstruction,
        f"error {TIMES} {ERROR_GAIN}": comparison.error,
    }
    frame = "" if sample.frame is None else f"frame {sample.frame}"
    psnr = "" if sample.psnr is None else f"clip PSNR {quantity('psnr').format(sample.psnr)} dB"
    return {
        "rank": sample.rank,
        "media": _ONE_OF.get(sample.media or "", sample.media or ""),
        "clip": sample.clip,
        "rest": " · ".join(filter(None, (frame, psnr))),
        "problem": comparison.problem,
        "pictures": {name: picture for name, picture in pictures.items() if picture},
    }


def _provenance(entry: Entry) -> list[tuple[str, str]]:
    """Where a run's numbers come from."""
    run, tokenizer = entry.run, entry.run.tokenizer
    facts = {
        "description": tokenizer.description,
        "run": run.name,
        "protocol": run.dataset.protocol,
        "modality": tokenizer.modality,
        "latent channels": tokenizer.latent_channels,
        "vocabulary": tokenizer.vocabulary,
        "parameters": tokenizer.parameters,
        "nominal bits/pixel": tokenizer.bits_per_pixel,
        "weights": tokenizer.weights,
        "weights SHA-256": tokenizer.weights_sha256,
        "license of the weights": tokenizer.license,
        "source": tokenizer.source,
        "manifest SHA-256": run.dataset.manifest_sha256,
        **run.environment,
    }
    return [(key, _shown(value)) for key, value in facts.items() if value not in (None, "")]


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
