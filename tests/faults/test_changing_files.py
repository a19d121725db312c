"""Files that somebody writes to while they are read: their clips fail, and say so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults_support import building, contents, scoring
from numpy.typing import NDArray
from tests_support import Outcome

from tokenbench.datasets.building import task
from tokenbench.media.clip import Clip

Command = Callable[..., Outcome]

CHANGED = "changed while it was read; give the same command again when nothing writes to it any more"


@pytest.fixture
def changing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], None]], None]:
    """Let something happen to the file of every video when its last frames are read."""

    def change(what: Callable[[Path], None]) -> None:
        chunks = Clip.chunks

        def read(self: Clip, *given: Any, **more: Any) -> Iterator[NDArray[np.uint8]]:
            yield from chunks(self, *given, **more)
            if self.kind == "video":
                what(self.path)

        monkeypatch.setattr(Clip, "chunks", read)

    return change


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def date(path: Path) -> None:
    """As if it were written again with the same size."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))


@pytest.mark.parametrize("how", [grow, date, Path.unlink])
def test_a_clip_that_changes_is_no_result(
    tokenbench: Command, clips: Path, tmp_path: Path, changing: Callable[..., None], how: Callable[[Path], None]
) -> None:
    out = tmp_path / "run"
    changing(how)
    assert tokenbench(*scoring(clips, out)).code == 1
    result = json.loads((out / "result.json").read_text())
    (failure,) = result["failed"]
    assert failure["clip"] == "a.mkv"
    assert (CHANGED in failure["error"]) if how is not Path.unlink else ("no such file" in failure["error"])
    assert [line.partition(",")[0] for line in (out / "clips.csv").read_text().splitlines()] == ["clip", "b.png"]


def test_the_same_command_scores_it_once_nothing_writes_to_it(
    tokenbench: Command, clips: Path, tmp_path: Path, changing: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tokenbench(*scoring(clips, tmp_path / "calm")).code == 0
    changing(date)
    assert tokenbench(*scoring(clips, tmp_path / "run")).code == 1
    monkeypatch.undo()
    assert tokenbench(*scoring(clips, tmp_path / "run")).code == 0
    assert contents(tmp_path / "run") == contents(tmp_path / "calm")


def test_a_pair_of_which_one_changes_is_no_result(
    tokenbench: Command, clips: Path, tmp_path: Path, changing: Callable[..., None]
) -> None:
    other = shutil.copytree(clips, tmp_path / "other")
    changing(lambda path: date(path) if path.is_relative_to(other) else None)
    outcome = tokenbench("compare", clips, other, "--run", tmp_path / "run")
    assert outcome.code == 1
    (failure,) = json.loads((tmp_path / "run/result.json").read_text())["failed"]
    assert failure["error"] == f"{other / 'a.mkv'}: {CHANGED}"


def test_a_source_that_changes_while_its_clip_is_built(
    tokenbench: Command, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "built"
    prepare = task.prepare_video

    def change(clip: Clip, *given: Any) -> Any:
        prepared = prepare(clip, *given)
        date(clip.path)
        return prepared

    monkeypatch.setattr(task, "prepare_video", change)
    outcome = tokenbench(*building(clips, out))
    assert outcome.code == 1
    assert CHANGED in outcome.err
    assert "a.mkv" in (out / "clips.toml").read_text(), "it is named among what was left out"
    assert "1 of 2 clips, 1 failed" in outcome.out
    monkeypatch.undo()
    assert tokenbench(*building(clips, out)).code == 0
    assert tokenbench("verify", out, "--workers", 1).code == 0
