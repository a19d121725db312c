"""Damaged files are read or refused in one line; nothing else comes of them.

A few of the damages that `benchmarks/soak_fuzz.py` makes by the thousand.
"""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz_support.corpus import kinds, write_corpus
from fuzz_support.parsers import PARSERS, attempt

DAMAGES = 24
# Far beyond what any of them takes: a hang ends the test, and not the suite's patience.
SECONDS = 120


@pytest.fixture
def no_hang() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError("a damaged file is read without end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("corpus")
    for kind in kinds():
        write_corpus(kind, place / kind)
    return place


@pytest.mark.parametrize("kind", kinds())
def test_whole_files_are_read(kind: str, corpus: Path, tmp_path: Path) -> None:
    seeds = sorted((corpus / kind).iterdir())
    assert seeds
    for seed in seeds:
        PARSERS[kind](shutil.copytree(seed, tmp_path / seed.name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", kinds())
def test_damaged_files_are_read_or_refused(kind: str, corpus: Path, tmp_path: Path, no_hang: None) -> None:
    outcomes = Counter(attempt(kind, corpus / kind, tmp_path / "damaged", number) for number in range(DAMAGES))
    assert outcomes.total() == DAMAGES
    # Mistyped texts are refused one reader at a time, within the attempt.
    assert outcomes["refused"] > 0 or kind == "string"


def test_a_damage_can_be_made_again(corpus: Path, tmp_path: Path) -> None:
    once = [attempt("tokens", corpus / "tokens", tmp_path / "a", number) for number in range(12)]
    assert [attempt("tokens", corpus / "tokens", tmp_path / "a", number) for number in range(12)] == once
