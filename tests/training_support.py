"""A recipe small enough for tests, and a way to follow it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench_cosmos.training.logbook import read_log
from tokenbench_cosmos.training.session import train

RECIPE = """
name = "small"
steps = 6
ema = 0.9

[network]
variant = "CV4x8x8"
channels = 8
encoder_blocks = 1
decoder_blocks = 1

[data]
sources = [{source!r}]
frames = 5
height = 32
width = 48
batch = 2
short_side = [48, 64]
image_size = 32
image_batch = 2
image_short_side = [40, 64]
workers = 0
cache = {cache!r}

[losses]
perceptual = "none"

[optimiser]
lr = 1e-3
warmup = 3

[checkpoints]
every = 2

[evaluation]
every = 0

[logging]
tensorboard = false
"""

# Steps large enough to learn, and small enough that a rounding error does not grow fivefold with each. Where a gradient
# is nearly 0, Adam's step has the sign of its rounding error: not so with an epsilon above that.
STEADY = ("optimiser.lr=2e-4", "optimiser.eps=1e-3", "discriminator.lr=2e-4", "discriminator.eps=1e-3")
HALF = ("data.batch=1", "data.image_batch=1")


def write_recipe(place: Path, source: Path) -> Path:
    """A recipe of seconds, on the clips of a folder."""
    path = place / "small.toml"
    path.write_text(RECIPE.format(source=str(source), cache=str(place / "cache")))
    return path


def follow(recipe: Path, out: Path, *overrides: str, **options: Any) -> str:
    """Train in this process; gives why the run was stopped."""
    return train([str(recipe)], overrides=overrides, out=out, **options)


def command(recipe: Path, out: Path, *overrides: str) -> list[str]:
    """The arguments of Python that do the same."""
    settings = [word for text in overrides for word in ("--set", text)]
    return ["-m", "tokenbench", "train", str(recipe), "--out", str(out), *settings]


def environment() -> dict[str, str]:
    """For a process that computes as this one does, bit for bit."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}


def torchrun(processes: int, recipe: Path, out: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Train in several processes."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [sys.executable, *launch, *command(recipe, out, *overrides)],
        env={**environment(), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def losses(out: Path) -> list[dict[str, float]]:
    """The loss terms of every step of a run."""
    return [line["terms"] for line in read_log(out) if "terms" in line]


def curve(out: Path, *names: str) -> NDArray[np.float64]:
    """The loss terms of those names, step by step."""
    return np.array([terms[name] for terms in losses(out) for name in names if name in terms])


def unseen(place: Path, carphone: NDArray[np.uint8]) -> Path:
    """A folder of one clip that no other test data have."""
    write_video(place / "unseen.mkv", carphone[14:23, 60:130, 70:150])
    return place
