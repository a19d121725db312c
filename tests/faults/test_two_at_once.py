"""The same command, started again while the first is in the middle of its work: refused, and the first unharmed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults_support import building, contents, scoring
from tests_support import Outcome
from training_support import write_recipe

import tokenbench_cosmos.training.loop as training_loop
from tokenbench.cli import run
from tokenbench.datasets.building import task
from tokenbench.evaluation import job, shards
from tokenbench.reporting import report

Command = Callable[..., Outcome]
Arguments = Callable[[Path], tuple[object, ...]]


@pytest.fixture
def meddled(tokenbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Give a command, undisturbed in one folder, and in another with a second one that starts in its middle."""

    def call(arguments: Arguments, module: Any, name: str) -> str:
        assert tokenbench(*arguments(tmp_path / "alone")).code == 0
        command, middle, codes = arguments(tmp_path / "shared"), getattr(module, name), list[int]()

        def interrupted(*given: Any, **more: Any) -> Any:
            if not codes:
                codes.append(-1)
                # A thread of its own: a process knows the locks that it holds itself.
                second = threading.Thread(target=lambda: codes.append(run([str(word) for word in command])))
                second.start()
                second.join()
            return middle(*given, **more)

        monkeypatch.setattr(module, name, interrupted)
        outcome = tokenbench(*command)
        assert (outcome.code, codes) == (0, [-1, 2])
        assert contents(tmp_path / "shared") == contents(tmp_path / "alone")
        assert outcome.err.count("tokenbench: ") == 1
        return outcome.err

    return call


def test_eval(meddled: Callable[..., str], clips: Path) -> None:
    assert "another run is writing there" in meddled(lambda out: scoring(clips, out), job, "score_clip")


def test_merge(tokenbench: Command, meddled: Callable[..., str], clips: Path, tmp_path: Path) -> None:
    for shard in ("1/2", "2/2"):
        assert tokenbench(*scoring(clips, tmp_path / "parts", "--shard", shard)).code == 0
    message = meddled(lambda out: ("merge", tmp_path / "parts", "--out", out), shards, "read_sample")
    assert "another run is writing there" in message


def test_a_shard_that_runs_twice(meddled: Callable[..., str], clips: Path) -> None:
    message = meddled(lambda out: scoring(clips, out, "--shard", "1/2"), job, "score_clip")
    assert "another run is writing there" in message


def test_build_dataset(meddled: Callable[..., str], clips: Path) -> None:
    message = meddled(lambda out: building(clips, out), task, "prepare_video")
    assert "another build is writing there" in message


def test_train(meddled: Callable[..., str], folder: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, folder)
    arguments = ("train", recipe, "--set", "steps=2", "--out")
    assert "is in use by another run" in meddled(lambda out: (*arguments, out), training_loop, "step")


def test_report(tokenbench: Command, meddled: Callable[..., str], clips: Path, tmp_path: Path) -> None:
    assert tokenbench(*scoring(clips, tmp_path / "run", "--metrics", "psnr")).code == 0
    message = meddled(lambda out: ("report", tmp_path / "run", "--out", out), report, "write_bytes")
    assert "another report is being written there" in message
