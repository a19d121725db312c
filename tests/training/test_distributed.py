"""Several processes train as one with as many samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file
from training_support import HALF, STEADY, curve, follow, torchrun, unseen, write_recipe

from tokenbench_cosmos.training.logbook import read_log

GAME = (
    "losses.adversarial=hinge",
    "losses.r1_every=2",
    "losses.discriminator_channels=4",
    "losses.discriminator_layers=2",
    "discriminator.warmup=2",
)


@pytest.fixture
def recipe(tmp_path: Path, folder: Path) -> Path:
    return write_recipe(tmp_path, folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [("parallel=ddp", "accumulate=2", *GAME), ("parallel=fsdp", "losses.adaptive_weight=false", *GAME)],
    ids=["ddp", "fsdp"],
)
def test_two_processes_have_the_losses_of_one_with_twice_the_batch(
    recipe: Path, tmp_path: Path, carphone: NDArray[np.uint8], settings: tuple[str, ...]
) -> None:
    held_out = unseen(tmp_path / "unseen", carphone)
    scored = ("evaluation.every=3", f"evaluation.dataset={held_out}", *STEADY, *settings)
    made = torchrun(2, recipe, tmp_path / "two", *scored, *HALF)
    assert made.returncode == 0, made.stderr
    follow(recipe, tmp_path / "one", *scored)
    one, two = curve(tmp_path / "one", "l1"), curve(tmp_path / "two", "l1")
    assert len(one) == 6
    assert np.abs(two / one - 1).max() < 1e-5
    # Opponents amplify what rounding makes different, and their losses pass through 0.
    game = [curve(tmp_path / name, "adversarial", "discriminator", "r1") for name in ("one", "two")]
    assert len(game[0]) == 15
    assert game[1] == pytest.approx(game[0], rel=1e-4, abs=1e-4)
    # Half the samples are another curve: the agreement is not that of anything with anything.
    follow(recipe, tmp_path / "half", *scored, *HALF)
    assert np.abs(curve(tmp_path / "half", "l1") / one - 1).max() > 1e-3
    ours, theirs = (load_file(tmp_path / name / "autoencoder.safetensors") for name in ("one", "two"))
    assert ours.keys() == theirs.keys()
    logs = [read_log(tmp_path / name) for name in ("one", "two")]
    scores = [[line["evaluation"]["psnr"] for line in log if "evaluation" in line] for log in logs]
    assert scores[1] == pytest.approx(scores[0], abs=1e-2)
    assert made.stdout.count("written to") == 1
