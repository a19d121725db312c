"""`cache` shows what a store holds, makes room in it and checks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenbench.store import Store, key_of

Call = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    store = Store(tmp_path / "store")
    for number in range(3):
        store.put("metrics", key_of(number=number), bytes(1200))
    store.put("reconstructions", key_of(number=0), bytes(5000))
    return store.folder


def rows(text: str) -> dict[str, list[str]]:
    """Of the table, by stage: entries and size."""
    lines = [line.split() for line in text.splitlines() if " B " in f"{line} " or "kB" in line]
    return {cells[0]: cells[1:4] for cells in lines if not cells[0].endswith(":")}


def test_stages_are_listed_with_entries_and_sizes(place: Path, tokenbench: Call) -> None:
    outcome = tokenbench("cache", "--store", place)
    assert outcome.code == 0
    assert rows(outcome.out) == {
        "metrics": ["3", "3.6", "kB"],
        "reconstructions": ["1", "5.0", "kB"],
        "all": ["4", "8.6", "kB"],
    }


def test_the_store_may_be_named_in_the_environment(
    place: Path, tokenbench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENBENCH_STORE", str(place))
    assert rows(tokenbench("cache").out)["all"] == ["4", "8.6", "kB"]


def test_room_is_made(place: Path, tokenbench: Call) -> None:
    outcome = tokenbench("cache", "--store", place, "--prune", "2.5kB")
    assert "pruned: 2 entries, 6.2 kB, removed" in outcome.out
    assert rows(outcome.out)["all"] == ["2", "2.4", "kB"]


def test_a_stage_or_all_is_cleared(place: Path, tokenbench: Call) -> None:
    outcome = tokenbench("cache", "--store", place, "--clear", "metrics")
    assert "cleared: 3 entries, 3.6 kB, removed" in outcome.out
    assert list(rows(outcome.out)) == ["reconstructions", "all"]
    assert "holds nothing of 'frames'" in tokenbench("cache", "--store", place, "--clear", "frames").message
    outcome = tokenbench("cache", "--store", place, "--clear")
    assert rows(outcome.out) == {"all": ["0", "0", "B"]}


def test_damaged_entries_are_removed_and_said(place: Path, tokenbench: Call) -> None:
    outcome = tokenbench("cache", "--store", place, "--verify")
    assert (outcome.code, "damaged: 0 entries" in outcome.out) == (0, True)
    next(place.glob("metrics/*/*")).write_bytes(b"damaged")
    outcome = tokenbench("cache", "--store", place, "--verify")
    assert (outcome.code, "damaged: 1 entries" in outcome.out) == (1, True)
    assert rows(outcome.out)["metrics"][0] == "2"


def test_wrong_usage_is_one_line(place: Path, tokenbench: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENBENCH_STORE", raising=False)
    assert "name the store with --store FOLDER" in tokenbench("cache").message
    assert "no such folder" in tokenbench("cache", "--store", place / "nowhere").message
    assert "'much' is no size" in tokenbench("cache", "--store", place, "--prune", "much").message


@pytest.mark.parametrize(
    ("text", "size"), [("500", 500), ("2kB", 2000), ("1.5 MB", 1_500_000), ("50GB", 50_000_000_000), ("1GiB", 2**30)]
)
def test_sizes_are_read_in_their_units(text: str, size: int) -> None:
    from tokenbench.cli.options import parse_size

    assert parse_size(None, None, text) == size  # type: ignore[arg-type]
