"""Which weights of a tokenizer are on this machine already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenbench.weights.hub import cached
from tokenbench.weights.local import complete_set, weights_root
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
    if installed := complete_set(weights_root() / name, file_sets):
        return StoredWeights("installed", tuple(installed))
    if hub is not None and (found := cached(hub.repository, hub.revision, hub.file_sets or file_sets)):
        return StoredWeights("cached", tuple(found[0]))
    return StoredWeights("missing")
