"""Recipes of trainings as TOML files that are laid over each other."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError


def read_layers(files: Sequence[str], overrides: Sequence[str], shipped: Path) -> dict[str, Any]:
    """One table out of one or more files: where two say something of one key, the later one counts.

    Its "name" is that of the files, where none of them gives one.

    Args:
        files: paths, or names of recipes in `shipped`.
        overrides: "table.key=value", laid over the files; values as TOML has them, or plain text.
        shipped: folder of the recipes that come with a trainer.

    Raises:
        TokenBenchError: a file is missing or no TOML, or an override is no such text.
    """
    table: dict[str, Any] = {"name": "-".join(map(_stem, files))}
    for name in files:
        table = _laid_over(table, _read(name, shipped))
    for text in overrides:
        table = _laid_over(table, _parse(text))
    return table


def _read(name: str, shipped: Path) -> dict[str, Any]:
    path = Path(name)
    if not path.is_file() and path.name == name:
        path = shipped / f"{_stem(name)}.toml"
    if not path.is_file():
        known = ", ".join(sorted(_stem(path.name) for path in shipped.glob("*.toml")))
        raise TokenBenchError(f"no recipe {name!r}: give a .toml file, or one of {known}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TokenBenchError(f"{name} cannot be read: {error}; a recipe is a TOML file") from error


def _stem(name: str) -> str:
    return Path(name).name.removesuffix(".toml")


def _parse(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(part.isidentifier() for part in parts):
        raise TokenBenchError(f"--set {text!r} is not KEY=VALUE, such as optimiser.lr=1e-4")
    try:
        table = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        table = {"value": value.strip()}
    nested = table["value"]
    for part in reversed(parts):
        nested = {part: nested}
    return nested


def _laid_over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
