"""Which weights of a tokenizer are on this machine already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenbench.errors import TokenBenchError
from tokenbench.weights.hub import cached
from tokenbench.weights.local import complete_set, weights_root
from tokenbench.weights.parts import parts_of
from tokenbench.weights.source import HubSource

State = Literal["installed", "cached", "missing"]


@dataclass(frozen=True)
class StoredWeights:
    """What there is of a tokenizer's weights.

    Args:
        state: "installed" in `weights_root()`, "cached" by the hub's client, or "missing".
        paths: the files.
    """

    state: State
    paths: tuple[Path, ...] = ()

    @property
    def bytes(self) -> int:
        """Size on disk of all files."""
        return sum(path.stat().st_size for path in self.paths)


def stored_weights(name: str, hub: HubSource | None, file_sets: Sequence[Sequence[str]]) -> StoredWeights:
    """The weights that `locate(name, None, hub, ...)` would find without a download. Asks no network."""
    inside = hub.inside if hub is not None else ""
    installed = complete_set(weights_root() / name, file_sets)
    if installed and (whole := _with_parts(installed, inside)):
        return StoredWeights("installed", whole)
    found = cached(hub.repository, hub.revision, hub.file_sets or file_sets) if hub is not None else None
    if found and (whole := _with_parts(found[0], inside)):
        return StoredWeights("cached", whole)
    return StoredWeights("missing")


def _with_parts(paths: Sequence[Path], inside: str) -> tuple[Path, ...]:
    """A set with the parts that its index names; empty where one is not there, or cannot be known."""
    try:
        parts = parts_of(paths, inside)
    except TokenBenchError:  # loading them says what is wrong; a listing of all tokenizers must not end here
        return ()
    return (*paths, *parts) if all(part.is_file() for part in parts) else ()
