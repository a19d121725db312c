"""A run that was interrupted ends as one that was not."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from training_support import command, environment, follow, losses, unseen, write_recipe

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench_cosmos.training import loop
from tokenbench_cosmos.training.checkpoints import newest, read_checkpoint, write_checkpoint
from tokenbench_cosmos.training.logbook import read_log

# All that a state can hold: two optimisers, a spectral norm's vectors, the watch's medians.
GAME = (
    "steps=20",
    "losses.adversarial=hinge",
    "losses.spectral_norm=true",
    "losses.discriminator_channels=4",
    "losses.discriminator_layers=2",
    "discriminator.warmup=0",
    "accumulate=2",
)


@pytest.fixture
def recipe(tmp_path: Path, folder: Path) -> Path:
    return write_recipe(tmp_path, folder)


def weights(out: Path) -> bytes:
    return (out / "autoencoder.safetensors").read_bytes()


def wait_for(process: subprocess.Popen[bytes], out: Path, steps: int) -> None:
    deadline = time.monotonic() + 240
    while not (path := newest(out)) or int(path.stem.removeprefix("step-")) < steps:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_after_kill_9_the_losses_and_weights_are_those_of_an_uninterrupted_run(recipe: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, *command(recipe, killed, *GAME)], env=environment())
    wait_for(process, killed, 4)
    time.sleep(random.random() / 3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "autoencoder.safetensors").exists()
    assert follow(recipe, killed, *GAME, resume=True) == ""
    follow(recipe, whole, *GAME)
    assert read_log(killed) == read_log(whole)
    assert len(losses(whole)) == 20
    assert weights(killed) == weights(whole)


# Checkpoints before the game has begun, where its optimiser has nothing to keep yet.
LATE_GAME = (*(text for text in GAME if text[:5] not in ("steps", "accum")), "losses.adversarial_start=3")


@pytest.mark.parametrize(
    "settings",
    [("steps=7",), ("steps=7", "precision=float16", "recompute=true"), ("steps=7", *LATE_GAME)],
    ids=["plain", "float16", "late game"],
)
def test_a_run_that_stops_after_every_step_is_the_same_run(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    follow(recipe, tmp_path / "whole", *settings)
    monkeypatch.setattr(loop, "agreed", lambda *_: True)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            follow(recipe, tmp_path / "cut", *settings)
    assert follow(recipe, tmp_path / "cut", *settings) == ""
    assert read_log(tmp_path / "cut") == read_log(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_a_crash_loses_no_more_than_what_came_after_the_last_checkpoint(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(recipe, tmp_path / "whole", "steps=8")
    out, calls, step = tmp_path / "crashed", itertools.count(), loop.step

    def crash(run: loop.Run) -> float:
        if next(calls) == 5:
            raise OutputError("the machine is on fire")
        return step(run)

    monkeypatch.setattr(loop, "step", crash)
    with pytest.raises(OutputError):
        follow(recipe, out, "steps=8")
    assert newest(out) == out / "checkpoints/step-00000004.safetensors"
    assert len(losses(out)) == 5
    with (out / "log.jsonl").open("a") as file:
        file.write('{"step": 6, "ter')
    follow(recipe, out, "steps=8")
    assert losses(out) == losses(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_its_processes_writes_a_checkpoint_and_the_same_command_goes_on(
    recipe: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    arguments = [sys.executable, *command(recipe, out, "steps=10000", "checkpoints.every=3", "data.workers=1")]
    # As a terminal and torchrun have it: in a group with the processes that prepare data.
    process = subprocess.Popen(arguments, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 240
    while not newest(out) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130, said
    assert "interrupted; type the same command to go on" in said
    assert "Traceback" not in said
    path = newest(out)
    assert path is not None
    done = int(path.stem.removeprefix("step-"))
    assert len(losses(out)) == done
    # A longer or shorter run with a constant learning rate is the same course.
    assert follow(recipe, out, f"steps={done + 2}", "checkpoints.every=5000") == ""
    assert len(losses(out)) == done + 2


def test_another_recipe_or_other_data_do_not_go_on(recipe: Path, tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "run"
    follow(recipe, out)
    with pytest.raises(TokenBenchError, match=r"another recipe: optimiser\.lr was 0\.001, is 0\.002"):
        follow(recipe, out, "optimiser.lr=2e-3")
    (folder / "even.mkv").unlink()
    with pytest.raises(TokenBenchError, match="training data have changed"):
        follow(recipe, out)
    (out / "recipe.json").write_text("[")
    with pytest.raises(TokenBenchError, match="is damaged"):
        follow(recipe, out)


def test_a_mistake_that_is_found_before_the_first_step_can_be_mended_in_the_same_folder(
    recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(TokenBenchError, match="no data set or folder"):
        follow(recipe, out, "data.sources=['nowhere/at/all']")
    with pytest.raises(TokenBenchError, match="nowhere"):
        follow(recipe, out, "start=nowhere")
    with pytest.raises(TokenBenchError, match="holds no run to go on with"):
        follow(recipe, out, resume=True)
    assert follow(recipe, out, "steps=1") == ""


@pytest.mark.parametrize("change", ["checkpoints.best=ssim", "evaluation.frames=1"])
def test_the_best_is_found_anew_where_it_is_judged_by_something_else(
    recipe: Path, tmp_path: Path, carphone: NDArray[np.uint8], change: str
) -> None:
    out, held_out = tmp_path / "run", unseen(tmp_path / "unseen", carphone)
    settings = (f"evaluation.dataset={held_out}", "evaluation.every=2")
    follow(recipe, out, *settings, "steps=2")
    path = newest(out)
    assert path is not None
    tensors, numbers = read_checkpoint(path)
    # More than SSIM or a few steps can ever reach.
    write_checkpoint(out, 2, tensors, {**numbers, "best": 40.0}, keep=1)
    (out / "best/training.json").unlink()
    follow(recipe, out, *settings, "steps=4", "checkpoints.every=1", "evaluation.every=1")
    assert not (out / "best/training.json").exists()
    follow(recipe, out, *settings, "steps=6", change)
    assert json.loads((out / "best/training.json").read_text())["step"] == 6


def test_resume_begins_no_new_run(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="holds no run to go on with"):
        follow(recipe, tmp_path / "run", resume=True)
    assert not (tmp_path / "run/recipe.json").exists()


def test_a_finished_run_is_left_as_it_is(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    follow(recipe, out)
    before = weights(out), read_log(out)
    follow(recipe, out)
    assert (weights(out), read_log(out)) == before
