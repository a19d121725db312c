"""The manifest of a built set: every clip with its origin and digest, and every choice behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w

from tokenbench.datasets.building.origin import source_file
from tokenbench.datasets.building.plan import SetPlan
from tokenbench.datasets.building.protocol import BuildProtocol
from tokenbench.datasets.building.records import Record
from tokenbench.datasets.building.versions import versions
from tokenbench.datasets.manifest import SCHEMA
from tokenbench.files import write_text
from tokenbench.media.clip import Clip

BuiltScene = list[tuple[Clip, Record]]

SCREENING = "screening"


def write_build(
    plan: SetPlan,
    protocol: BuildProtocol,
    out: Path,
    built: Sequence[BuiltScene],
    *,
    failed: Mapping[str, str],
    refused: Mapping[str, str],
) -> None:
    """Write OUT/<set>.toml.

    Nothing in it depends on the time, the machine's folders or the number of workers.

    Args:
        plan: of the set.
        protocol: of the build.
        out: folder of the build.
        built: scenes that are there.
        failed: clip -> why it could not be built.
        refused: clip -> why screening refused it.

    Raises:
        OutputError: it cannot be written.
    """
    clips = [pair for scene in built for pair in scene]
    if plan.selection.chosen != "list":
        clips.sort(key=lambda pair: pair[0].id)
    table = {
        "schema": SCHEMA,
        "name": f"{plan.found.name}-{protocol.name}",
        "build": _build(plan, protocol, failed, refused),
        "clips": [_clip(plan, clip, record) for clip, record in clips],
    }
    write_text(out / f"{plan.name}.toml", tomli_w.dumps(_plain(table)))


def write_screening(plan: SetPlan, out: Path, screened: Mapping[str, Record]) -> None:
    """Write OUT/screening/<set>.json, where clips were screened: their scores, and why some were refused.

    Args:
        plan: of the set.
        out: folder of the build.
        screened: clip -> its record.

    Raises:
        OutputError: it cannot be written.
    """
    table = {
        id_: {"scores": dict(record.scores), "reasons": list(record.reasons)}
        for id_, record in sorted(screened.items())
        if record.scores
    }
    if table:
        write_text(out / SCREENING / f"{plan.name}.json", json.dumps(table, indent=1) + "\n")


def _build(
    plan: SetPlan, protocol: BuildProtocol, failed: Mapping[str, str], refused: Mapping[str, str]
) -> dict[str, Any]:
    selection, official = plan.selection, plan.official
    listed = {"official_list": official.file, "official_list_sha256": official.sha256} if official else {}
    return {
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "protocol_sha256": protocol.sha256,
        "source": plan.source.name,
        "source_home": plan.source.home,
        "chosen": selection.chosen,
        "seed": protocol.seed,
        "wanted": plan.wanted_clips,
        **listed,
        "versions": versions(),
        "video": asdict(protocol.video),
        "images": protocol.images,
        "rules": asdict(protocol.rules(plan.source.name)),
        "missing": list(selection.missing),
        "left_out": [
            {"clip": id_, "because": f"{what}: {why}"}
            for what, reasons in (
                ("failed", _without_folder(failed, plan.root)),
                ("screened out", refused),
                ("dropped", selection.passed_over),
            )
            for id_, why in sorted(reasons.items())
        ],
    }


def _without_folder(failed: Mapping[str, str], root: Path) -> dict[str, str]:
    """Where the data set lies is no part of what it is."""
    return {id_: why.replace(f"{root}/", "") for id_, why in failed.items()}


def _clip(plan: SetPlan, clip: Clip, record: Record) -> dict[str, Any]:
    prepared = dict(record.prepared)
    cut = {"start": clip.start, "end": clip.end} if clip.start or clip.end else {}
    return {
        "id": clip.id,
        "domain": clip.domain,
        "kind": clip.kind,
        "file": f"{plan.name}/{record.file}",
        "sha256": record.sha256,
        "bytes": record.output.bytes,
        **{name: prepared.pop(name) for name in ("frames", "fps", "height", "width") if name in prepared},
        "source": clip.source,
        "license": plan.source.license,
        "credit": f"{plan.source.title} ({plan.source.home})",
        "origin": {
            "file": source_file(clip, plan.root),
            "bytes": record.source.bytes,
            "sha256": record.source_sha256,
            **cut,
            **prepared,
        },
    }


def _plain(value: Any) -> Any:
    """Without what TOML cannot say: it has no null."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
