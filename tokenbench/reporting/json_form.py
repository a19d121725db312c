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

SCHEMA = "tokenbench.report/1"


def json_text(groups: Sequence[Group]) -> str:
    """All groups with their tables; JSON has no infinity, so that it is the text "Infinity" or "-Infinity"."""
    content = {"schema": SCHEMA, "groups": [_group(group) for group in groups]}
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _group(group: Group) -> dict[str, Any]:
    return {
        "dataset": {
            "name": group.dataset.name,
            "protocol": group.dataset.protocol,
            "manifest_sha256": group.dataset.manifest_sha256,
        },
        "tables": [_table(table) for table in group.tables],
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
        "bits_per_pixel": _number(row.rate),
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


def _metrics(metrics: Metrics) -> dict[str, Any]:
    return {name: _measure(measure) for name, measure in metrics.items()}


def _measure(measure: Measure) -> Mapping[str, Any]:
    ends = [_number(measure.low), _number(measure.high)]
    rank = {} if measure.rank is None else {"rank": measure.rank}
    return {"value": _number(measure.value), "ci95": ends, "n": measure.n, "unit": measure.unit} | rank


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "Infinity" if value > 0 else "-Infinity"
