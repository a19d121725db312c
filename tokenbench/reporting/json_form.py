"""The report as JSON: every value with its interval, and every row with where it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tokenbench.reporting.formats import quality_names
from tokenbench.reporting.leaderboard import Group, Row, Table
from tokenbench.reporting.provenance import provenance
from tokenbench.reporting.runs import Measure, Metrics
from tokenbench.reporting.slices import Breakdown, Breakdowns

SCHEMA = "tokenbench.report/1"


def json_text(groups: Sequence[Group], breakdowns: Breakdowns) -> str:
    """All groups with their tables and breakdowns.

    JSON has no infinity, so that it is the text "Infinity" or "-Infinity". The same goes for what runs say of
    themselves, such as settings.
    """
    content = _plain({"schema": SCHEMA, "groups": [_group(group, breakdowns[group.slug]) for group in groups]})
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _group(group: Group, breakdowns: Sequence[Breakdown]) -> dict[str, Any]:
    return {
        "dataset": {
            "name": group.dataset.name,
            "protocol": group.dataset.protocol,
            "manifest_sha256": group.dataset.manifest_sha256,
        },
        "tables": [_table(table) for table in group.tables],
        "slices": [_breakdown(each) for each in breakdowns],
        "runs": {
            entry.title: {
                "folder": entry.run.name,
                "protocol": dict(entry.run.protocol),
                "provenance": provenance(entry.run),
                "unavailable": dict(entry.run.unavailable),
                "failed": [{"clip": failure.clip, "error": failure.error} for failure in entry.run.failed],
            }
            for entry in group.entries
        },
    }


def _table(table: Table) -> dict[str, Any]:
    return {"media": table.media, "rows": [_row(row) for row in table.rows]}


def _row(row: Row) -> dict[str, Any]:
    tokenizer = row.run.tokenizer
    return {
        "run": row.entry.title,
        "tokenizer": tokenizer.name,
        "settings": dict(tokenizer.settings),
        "storage": row.run.storage,
        "kind": tokenizer.kind,
        "modality": tokenizer.modality,
        "compression": tokenizer.compression,
        "parameters": tokenizer.parameters,
        "bits_per_pixel": row.rate,
        "clips": row.clips,
        "failed": row.failed,
        "partial": row.partial,
        "ceiling": row.run.is_ceiling,
        "metrics": _metrics(row.metrics),
        "ranks": {name: row.ranks[name] for name in quality_names(row.ranks)},
        "at_ceiling": sorted(row.at_ceiling),
        "domains": {
            name: {"clips": part.clips, "metrics": _metrics(part.metrics)} for name, part in row.domains.items()
        },
    }


def _breakdown(breakdown: Breakdown) -> dict[str, Any]:
    """Which clips are in which slice, and every row's scores there, slice by slice."""
    return {
        "media": breakdown.media,
        "trait": breakdown.trait.name,
        "slices": [
            {"slice": part.name, "from": part.low, "to": part.high, "clips": sorted(part.clips)}
            for part in breakdown.slices
        ],
        "missing": breakdown.missing,
        "scores": {
            title: {name: [_measure(measure) for measure in measures] for name, measures in scores.items()}
            for title, scores in breakdown.scores.items()
        },
    }


def _metrics(metrics: Metrics) -> dict[str, Any]:
    return {name: _measure(measure) for name, measure in metrics.items()}


def _measure(measure: Measure) -> Mapping[str, Any]:
    ends = [measure.low, measure.high]
    rank = {} if measure.rank is None else {"rank": measure.rank}
    return {"value": measure.value, "ci95": ends, "n": measure.n, "unit": measure.unit} | rank


def _plain(value: Any) -> Any:
    """Without what JSON cannot say."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
