"""What other processes do to a store in tests."""

from __future__ import annotations

from pathlib import Path

from tokenbench.store import Store, key_of


def put_many(folder: Path, start: int) -> None:
    """Write two hundred entries and read others meanwhile, under a limit that many of them break."""
    store = Store(folder, limit=20_000)
    for number in range(start, start + 200):
        store.put("metrics", key_of(number=number), f"{number}".encode() * 50)
        other = number % 150
        found = store.get("metrics", key_of(number=other))
        assert found is None or found == f"{other}".encode() * 50
