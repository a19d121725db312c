"""Results as the Hugging Face hub reads them from a model card's head: `model-index`, a file for each tokenizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tokenbench.reporting.formats import RATE, quantity
from tokenbench.reporting.leaderboard import Group, Row, Table, file_slug, unique_names

# The hub's names of tasks; a reconstruction is one picture, or video, made from another.
_TASKS = {"video": "video-to-video"}
_TASK = "image-to-image"


def model_indexes(groups: Sequence[Group]) -> dict[str, str]:
    """The metadata of every tokenizer that could have a model card: neither codecs nor the ceiling.

    Returns:
        YAML texts, by file name; each stands as it is between the two lines `---` at the top of a card.

    Source:
        `huggingface_hub.ModelCardData` and `EvalResult`, which write and check the form.
    """
    from huggingface_hub import EvalResult, ModelCardData

    results: dict[str, list[EvalResult]] = {}
    for group in groups:
        for table in group.tables:
            for row in (row for row in table.rows if _has_card(row)):
                found = [EvalResult(**fields) for fields in _results(group, table, row)]
                results.setdefault(row.run.tokenizer.title, []).extend(found)
    named = {title: found for title, found in results.items() if found}
    files = unique_names([file_slug(title) for title in named])
    return {
        f"{file}.yaml": ModelCardData(model_name=title, eval_results=found).to_yaml() + "\n"
        for file, (title, found) in zip(files, named.items(), strict=True)
    }


def _has_card(row: Row) -> bool:
    return row.run.tokenizer.kind != "codec" and not row.run.is_ceiling


def _results(group: Group, table: Table, row: Row) -> list[dict[str, Any]]:
    """Arguments of `EvalResult`, for each metric that has a finite value."""
    common: dict[str, Any] = {
        "task_type": _TASKS.get(table.media, _TASK),
        "dataset_type": group.dataset.name,
        "dataset_name": f"{group.dataset.name}, {row.run.dataset.protocol}, {table.media}",
        "dataset_config": row.run.dataset.protocol,
        "dataset_split": table.media,
        "dataset_revision": group.dataset.manifest_sha256,
    }
    results = []
    for name in (*table.qualities, RATE):
        measure = row.measure(name)
        if measure.value is None or not math.isfinite(measure.value):
            continue
        arguments = {"clips": row.clips, "failed": row.failed, "ci95": [measure.low, measure.high]}
        results.append(
            common
            | {
                "metric_type": name,
                "metric_name": quantity(name).header,
                "metric_value": measure.value,
                "metric_args": arguments,
            }
        )
    return results
