"""What a training says of the weights that it wrote: `training.json` beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.config import CosmosConfig

TRAINING = "training.json"


def trained_config(published: CosmosConfig, paths: Sequence[Path]) -> CosmosConfig | None:
    """The network that weights were trained for: the published one, but for the fields in which a recipe differed.

    Args:
        published: the network of the recipe's variant.
        paths: of the weights; released ones have no `training.json` beside them, which gives None.

    Raises:
        TokenBenchError: `training.json` is damaged.
    """
    path = paths[0].parent / TRAINING
    if not path.is_file():
        return None
    try:
        changed = {name: _sizes(value) for name, value in json.loads(path.read_text())["network"].items()}
        return replace(published, **changed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokenBenchError(f"{path} is damaged ({error}); take the folder as its training wrote it") from error


def _sizes(value: Any) -> Any:
    """A field of the configuration: a whole number, or several."""
    sizes = value if isinstance(value, list) else [value]
    if not sizes or not all(type(size) is int and size > 0 for size in sizes):
        raise TypeError(f"{value!r} is no size")
    return tuple(value) if isinstance(value, list) else value
