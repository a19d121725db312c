"""Clocks that jump: what is done, and what it comes to, does not hang on the time of day."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults_support import building, contents, scoring
from tests_support import Outcome

from tokenbench.datasets.building import task

Command = Callable[..., Outcome]

YEAR = 365 * 24 * 3600


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the time of day gives another year, a later or an earlier one."""
    now, jumps = time.time(), itertools.cycle((0, 3 * YEAR, -20 * YEAR, 40 * YEAR, -1))
    monkeypatch.setattr(time, "time", lambda: now + next(jumps))


def date_all(folder: Path, seconds: float) -> None:
    """Give every file the time of its last change."""
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds))


def test_an_evaluation_goes_on_and_ends_the_same(
    tokenbench: Command, clips: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert tokenbench(*scoring(clips, tmp_path / "plain")).code == 0
    expected, out = contents(tmp_path / "plain"), tmp_path / "run"
    request.getfixturevalue("jumping")
    assert tokenbench(*scoring(clips, out)).code == 0
    assert contents(out) == expected
    written = (out / "journal.jsonl").read_bytes()
    date_all(out, time.time() + 50 * YEAR)
    (out / "result.json").unlink()
    assert tokenbench(*scoring(clips, out)).code == 0
    assert (out / "journal.jsonl").read_bytes() == written
    assert contents(out) == expected


@pytest.mark.usefixtures("jumping")
@pytest.mark.parametrize("date", [10 * YEAR, 100 * YEAR])
def test_a_build_does_nothing_again_whose_files_come_from_another_time(
    tokenbench: Command, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, date: float
) -> None:
    out = tmp_path / "built"
    assert tokenbench(*building(clips, out)).code == 0
    expected = contents(out)
    date_all(out, date)
    date_all(clips, date)

    def refuse(*_: object) -> None:
        raise AssertionError("prepared again")

    monkeypatch.setattr(task, "prepare_video", refuse)
    monkeypatch.setattr(task, "prepare_image", refuse)
    assert tokenbench(*building(clips, out)).code == 0
    assert contents(out) == expected
