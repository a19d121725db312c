"""Small runs with given scores, written as `tokenbench eval` writes them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Scores = Mapping[str, Mapping[str, float]]

UNITS = {"psnr": "dB"}


def write_scores(
    folder: Path,
    scores: Scores,
    *,
    sets: Mapping[str, Mapping[str, tuple[float, int]]] | None = None,
    sources: Mapping[str, str] | None = None,
    protocol: str = "native/1",
    storage: str = "none",
    manifest: str | None = "6a1f" * 16,
    definitions: Mapping[str, str] | None = None,
) -> Path:
    """A run's folder.

    Args:
        folder: to make.
        scores: clip -> metric -> value; a clip whose name starts with "photo" is a photograph.
        sets: media -> set metric -> (value, samples).
        sources: clip -> source; the column is left out where there are none.
        protocol, storage, manifest, definitions: as the result has them.
    """
    folder.mkdir(parents=True)
    metrics = list(dict.fromkeys(name for values in scores.values() for name in values))
    result: dict[str, Any] = {
        "schema": "tokenbench.result/1",
        "tokenizer": {"name": f"tokenizer-{folder.name}"},
        "dataset": {"name": "tiny", "protocol": protocol, "manifest_sha256": manifest},
        "protocol": {"storage": storage, "definitions": dict(definitions or {})},
        "metrics": means(scores.values(), metrics),
        "media": {},
    }
    for media in ("video", "image"):
        chosen = [values for clip, values in scores.items() if media_of(clip) == media]
        if chosen or media in (sets or {}):
            whole = {
                name: {"value": value, "unit": "1", "ci95": [value, value], "n": n}
                for name, (value, n) in (sets or {}).get(media, {}).items()
            }
            result["media"][media] = {"clips": len(chosen), "metrics": means(chosen, metrics) | whole}
    (folder / "result.json").write_text(json.dumps(result))
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "domain", *(["source"] if sources else []), "frames", "fps", *metrics])
        for clip, values in scores.items():
            source = [sources.get(clip, "")] if sources else []
            size = [1, 0] if media_of(clip) == "image" else [17, 25]
            writer.writerow([clip, "talk", *source, *size, *(values.get(name, "") for name in metrics)])
    return folder


def media_of(clip: str) -> str:
    return "image" if clip.startswith("photo") else "video"


def means(scores: Iterable[Mapping[str, float]], metrics: Sequence[str]) -> dict[str, Any]:
    """As a result states them; the intervals are of no use here."""
    rows = list(scores)
    summaries = {}
    for name in metrics:
        values = [row[name] for row in rows if name in row]
        value = sum(values) / len(values) if values else None
        summaries[name] = {"value": value, "unit": UNITS.get(name, "1"), "ci95": [value, value], "n": len(values)}
    return summaries
