"""Checkpoints: whole or not at all, the newest kept, the best kept; one run a folder."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray
from safetensors.torch import load_file
from training_support import follow, unseen, write_recipe

from tokenbench import files
from tokenbench.errors import OutputError, TokenBenchError
from tokenbench_cosmos.training.checkpoints import newest, read_checkpoint, write_checkpoint
from tokenbench_cosmos.training.logbook import Logbook, read_log
from tokenbench_cosmos.training.recipe import LoggingSettings


@pytest.fixture
def recipe(tmp_path: Path, folder: Path) -> Path:
    return write_recipe(tmp_path, folder)


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As on a full disk: files cannot grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_is_read_and_only_the_newest_stay(tmp_path: Path) -> None:
    for step in (5, 12, 100):
        write_checkpoint(tmp_path, step, {"weight": torch.full((2,), float(step))}, {"step": step}, keep=2)
    assert names(tmp_path) == ["step-00000012.safetensors", "step-00000100.safetensors"]
    path = newest(tmp_path)
    assert path is not None
    tensors, numbers = read_checkpoint(path)
    assert tensors["weight"].tolist() == [100.0, 100.0]
    assert numbers == {"step": 100}


@pytest.mark.parametrize("place", [-1, -40, 300])
def test_a_changed_bit_is_seen(tmp_path: Path, place: int) -> None:
    tensors = {"a": torch.arange(12.0).reshape(3, 4).T, "b": torch.ones(30, dtype=torch.bfloat16), "c": torch.tensor(3)}
    path = write_checkpoint(tmp_path, 1, tensors, {"step": 1}, keep=1)
    assert torch.equal(read_checkpoint(path)[0]["a"], tensors["a"])
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TokenBenchError, match=r"is damaged .*; delete it to go on from the one before"):
        read_checkpoint(path)


def test_a_run_keeps_as_many_as_its_recipe_says_and_the_best_weights(
    recipe: Path, tmp_path: Path, carphone: NDArray
) -> None:
    out = tmp_path / "run"
    held_out = unseen(tmp_path / "unseen", carphone)
    # The learning rate makes it worse after a while.
    follow(
        *(recipe, out, "steps=12", "checkpoints.keep=3", "optimiser.lr=0.03", "optimiser.warmup=8"),
        *("evaluation.every=2", f"evaluation.dataset={held_out}", "ema=0.0"),
    )
    assert names(out) == [f"step-{step:08d}.safetensors" for step in (8, 10, 12)]
    scores = {line["step"]: line["evaluation"]["psnr"] for line in read_log(out) if "evaluation" in line}
    del scores[0]
    best = json.loads((out / "best/training.json").read_text())
    assert best["step"] == max(scores, key=scores.__getitem__)
    assert best["evaluation"]["psnr"] == max(scores.values())
    final = json.loads((out / "training.json").read_text())
    assert (final["step"], final["evaluation"]["psnr"]) == (12, scores[12])
    assert load_file(out / "best/autoencoder.safetensors").keys() == load_file(out / "autoencoder.safetensors").keys()


def test_a_full_disk_is_one_line_and_what_is_done_is_kept(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, replaced = tmp_path / "run", []
    sync = files._sync

    def full_at_last(path: Path) -> None:
        if path.suffix == ".safetensors":
            replaced.append(path)
        if len(replaced) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(path)

    monkeypatch.setattr(files, "_sync", full_at_last)
    with pytest.raises(OutputError, match=r"cannot write .*step-00000006.safetensors: No space left on device"):
        follow(recipe, out)
    assert names(out) == ["step-00000002.safetensors", "step-00000004.safetensors"]
    monkeypatch.setattr(files, "_sync", sync)
    assert follow(recipe, out) == ""


def test_a_file_that_cannot_grow_is_one_line_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    tensors = {"weight": torch.zeros(100_000)}
    write_checkpoint(tmp_path, 1, tensors, {}, keep=2)
    with largest_file(10_000), pytest.raises(OutputError, match="free some space"):
        write_checkpoint(tmp_path, 2, tensors, {}, keep=1)
    assert names(tmp_path) == ["step-00000001.safetensors"]


@pytest.mark.parametrize("damage", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"\xff" * 100])
def test_a_damaged_checkpoint_is_refused_by_name(recipe: Path, tmp_path: Path, damage: bytes) -> None:
    out = tmp_path / "run"
    follow(recipe, out, "steps=4")
    (out / "checkpoints/step-00000004.safetensors").write_bytes(damage)
    with pytest.raises(TokenBenchError, match=r"step-00000004\.safetensors is damaged"):
        follow(recipe, out, "steps=4")
    (out / "checkpoints/step-00000004.safetensors").unlink()
    assert follow(recipe, out, "steps=4") == ""


def test_two_runs_in_one_folder_are_refused(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with FileLock(out / ".lock"), pytest.raises(TokenBenchError, match="is in use by another run"):
        follow(recipe, out)
    assert follow(recipe, out, "steps=1") == ""


def test_curves_of_a_run_that_begins_again_have_each_step_once(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for value in (1.0, 2.0):
        logbook = Logbook(LoggingSettings(every=1), tmp_path, 0)
        logbook.step(1, {"loss": value})
        logbook.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(1, 2.0)]


def test_weights_that_lie_in_the_folder_are_not_written_over(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/autoencoder.safetensors").write_bytes(b"precious")
    with pytest.raises(TokenBenchError, match="holds weights already"):
        follow(recipe, tmp_path / "run")
    assert (tmp_path / "run/autoencoder.safetensors").read_bytes() == b"precious"
