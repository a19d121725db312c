"""What there is to review in a build's folder: its clips, and what screening says of them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenbench.datasets.manifest import read_manifest
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip


@dataclass(frozen=True)
class Screened:
    """What screening says of a clip.

    Args:
        scores: by name; a number, or a list of numbers (the times of cuts).
        reasons: against the clip, a clause each; none where it passed.
    """

    scores: Mapping[str, float | list[float]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """A clip of a built set, to look at."""

    set_name: str
    clip: Clip
    screened: Screened


def read_items(folder: Path, only: str = "") -> tuple[Item, ...]:
    """The clips of a build, in the order of its manifests `<set>.toml`.

    `screening/<set>.json` beside them holds, by clip id, {"scores": {name: number}, "reasons": [text]}; it may be
    missing.

    Args:
        folder: of the build.
        only: the set that is wanted; empty for all.

    Raises:
        TokenBenchError: there is no such set, or a manifest, a clip's file or a file of scores is damaged.
    """
    manifests = {path.stem: path for path in sorted(folder.glob("*.toml")) if not path.name.startswith(".")}
    if not manifests:
        raise TokenBenchError(
            f"{folder}: holds no manifest <set>.toml; give the folder that 'tokenbench build-dataset' wrote"
        )
    if only and only not in manifests:
        near = difflib.get_close_matches(only, manifests, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(manifests)}"
        raise TokenBenchError(f"{folder}: no set {only!r}: {hint}")
    items: list[Item] = []
    for name in [only] if only else manifests:
        screened = _read_screening(folder / "screening" / f"{name}.json")
        clips = read_manifest(manifests[name]).clips
        items += [Item(name, clip, screened.get(clip.id, Screened())) for clip in clips]
    return tuple(items)


def _read_screening(path: Path) -> dict[str, Screened]:
    try:
        table = json.loads(path.read_bytes().decode())
        return {clip: _screened(values) for clip, values in table.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TokenBenchError(
            f"{path}: not a readable file of scores ({type(error).__name__}: {error}); build the set again"
        ) from error


def _screened(values: Any) -> Screened:
    scores = {
        name: [*map(float, score)] if isinstance(score, list) else float(score)
        for name, score in values["scores"].items()
    }
    return Screened(scores, tuple(map(str, values["reasons"])))
