"""What a store holds, and keeping it small and sound."""

from __future__ import annotations

from dataclasses import dataclass

from tqdm import tqdm

from tokenbench.errors import TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.store.store import Entry, Store, remove


@dataclass(frozen=True)
class StageSummary:
    """Of one stage.

    Args:
        stage: its name.
        entries: how many there are.
        size: of all, in bytes.
        oldest: when the one was used that was used longest ago, in seconds since the epoch.
    """

    stage: str
    entries: int
    size: int
    oldest: float


def summarise(store: Store) -> list[StageSummary]:
    """The stages of which there is something."""
    stages: dict[str, list[Entry]] = {}
    for entry in store.entries():
        stages.setdefault(entry.stage, []).append(entry)
    return [
        StageSummary(stage, len(found), sum(entry.size for entry in found), min(entry.used for entry in found))
        for stage, found in stages.items()
    ]


def clear(store: Store, stage: str | None = None) -> list[Entry]:
    """Remove every entry of a stage, or of all, and what killed processes have left.

    Raises:
        TokenBenchError: there is nothing of that stage.
        OutputError: something cannot be removed.
    """
    entries = list(store.entries())
    stages = sorted({entry.stage for entry in entries})
    if stage is not None and stage not in stages:
        raise TokenBenchError(f"{store.folder} holds nothing of {stage!r}; it has {', '.join(stages) or 'no entries'}")
    removed = [entry for entry in entries if stage in (None, entry.stage)]
    for entry in removed:
        remove(entry.path)
    store.remove_scraps()
    return removed


def verify(store: Store) -> list[Entry]:
    """Read every entry, and remove those whose content is not what their name says.

    Returns:
        What was removed.
    """
    damaged = []
    for entry in tqdm(list(store.entries()), desc="verify", unit="entry", dynamic_ncols=True):
        if entry.path.is_file() and sha256_of_file(entry.path) != entry.sha256:
            remove(entry.path)
            damaged.append(entry)
    return damaged
