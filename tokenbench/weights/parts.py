"""Weights in parts: an index, as the hub's libraries write it, and the files beside it that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from tokenbench.errors import TokenBenchError, printable

INDEX_SUFFIX = ".index.json"

_PART_SUFFIXES = (".safetensors", ".bin")


def is_index(path: Path) -> bool:
    """Whether a file is an index by its name, such as "model.safetensors.index.json"."""
    return path.name.endswith(INDEX_SUFFIX)


def parts_of(paths: Sequence[Path], inside: str = "") -> list[Path]:
    """The parts that the indices among some files name, each beside its index, whether it is there or not.

    Args:
        paths: of a set.
        inside: pattern that the names of the needed tensors begin with; all are needed where none does, or it is empty.

    Raises:
        TokenBenchError: an index cannot be read, or names what is no weight file beside it.
    """
    return [index.parent / name for index in filter(is_index, paths) for name in _part_names(index, inside)]


def _part_names(index: Path, inside: str) -> list[str]:
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise TokenBenchError(f"cannot read {index} as an index: {printable(error)}; download it again") from error
    if not isinstance(places, dict) or not places or not all(isinstance(part, str) for part in places.values()):
        raise TokenBenchError(f"{index} says not where tensors are; download it again")
    needed = {part for key, part in places.items() if inside and re.match(inside, key)}
    names = sorted(needed or set(places.values()))
    for name in names:
        if Path(name).name != name or not name.endswith(_PART_SUFFIXES):
            raise TokenBenchError(f"{index} names {name!r}, which is no weight file beside it; take it from its source")
    return names
