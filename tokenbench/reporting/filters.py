"""What the page's rows can be chosen by: data set, kind, modality, compression."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tokenbench.reporting.formats import NOTHING, compression
from tokenbench.reporting.leaderboard import Group, Row

_TITLES = {"dataset": "Data set", "kind": "Kind", "modality": "Modality", "grid": "Compression"}


def traits(row: Row) -> dict[str, str]:
    """What a row is chosen by; empty where it is not known."""
    tokenizer = row.run.tokenizer
    grid = compression(tokenizer)
    return {
        "kind": tokenizer.kind or "",
        "modality": tokenizer.modality or "",
        "grid": "" if grid == NOTHING else grid,
    }


def filters(groups: Sequence[Group]) -> list[tuple[str, str, list[str]]]:
    """Name, title and values of each choice; one with a single value is none."""
    rows = [row for group in groups for table in group.tables for row in table.rows]
    found = {"dataset": sorted({group.dataset.name for group in groups})}
    for name in ("kind", "modality"):
        found[name] = sorted({traits(row)[name] for row in rows} - {""})
    tokens = {traits(row)["grid"]: math.prod(row.run.tokenizer.compression or ()) for row in rows}
    found["grid"] = sorted(set(tokens) - {""}, key=lambda grid: (tokens[grid], grid))
    return [(name, _TITLES[name], values) for name, values in found.items() if len(values) > 1]
