"""`tokenbench train`, as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_support import unseen, write_recipe

Command = Callable[..., Any]


@pytest.fixture
def recipe(tmp_path: Path, folder: Path) -> Path:
    return write_recipe(tmp_path, folder)


def test_a_recipe_becomes_weights_curves_and_pictures(
    tokenbench: Command, recipe: Path, tmp_path: Path, carphone: NDArray
) -> None:
    out = tmp_path / "run"
    held_out = unseen(tmp_path / "unseen", carphone)
    settings = [f"evaluation.dataset={held_out}", "evaluation.every=3", "logging.tensorboard=true", "logging.every=2"]
    outcome = tokenbench("train", recipe, "--out", out, *(word for text in settings for word in ("--set", text)))
    assert outcome.code == 0
    assert f"written to {out}" in outcome.out
    assert all(words in outcome.err for words in ("6/6", "step/s", "psnr", "waiting for data"))
    assert (out / "autoencoder.safetensors").is_file()
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/terms/l1")] == [2, 4, 6]
    assert [event.step for event in events.Scalars("evaluation/psnr")] == [0, 3, 6]
    (picture, *_) = events.Images("reconstruction/unseen.mkv")
    assert (picture.width, picture.height) == (2 * 80, 64)


def test_the_default_folder_is_named_after_the_recipe(
    tokenbench: Command, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tokenbench("train", recipe, "--set", "steps=1").code == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("train-small-")


def test_the_tiny_recipe_trains_what_it_is_pointed_at(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    small = ["steps=2", f"data.sources=['{folder}']", f"data.cache={tmp_path / 'cache'}", "evaluation.limit=1"]
    outcome = tokenbench("train", "tiny", "--out", tmp_path / "run", *(w for text in small for w in ("--set", text)))
    assert outcome.code == 0
    assert (tmp_path / "run/best/autoencoder.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.toml"], "no recipe 'nowhere.toml'"),
        (["tiny"], "data.sources is empty"),
        (["{recipe}", "--set", "optimizer.lr=1"], "did you mean 'optimiser'?"),
        (["{recipe}", "--set", "losses.perceptual=vgg11"], "expected 'vgg19' or"),
        (["{recipe}", "--set", "data.sources=['nowhere']"], "no data set or folder 'nowhere'"),
        (["{recipe}", "--set", "data.sources=['mini']"], "must not be trained on"),
        (["{recipe}", "--set", "data.frames=13", "--set", "data.sources=['{recipe}']"], "small.toml"),
        (["{recipe}", "--device", "cuda:99"], "device 'cuda:99' cannot be used"),
        (["{recipe}", "--device", "toaster"], "device 'toaster' cannot be used"),
        (["{recipe}", "--resume"], "holds no run to go on with"),
        (["{recipe}", "--network", "vgg99=x"], "vgg99"),
        (["{other}"], "unknown trainer 'cosmus': did you mean 'cosmos'?"),
    ],
)
def test_what_is_wrong_is_said_in_lines_and_exit_code_2(
    tokenbench: Command, recipe: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('trainer = "cosmus"')
    words = [word.format(recipe=recipe, other=other) for word in arguments]
    outcome = tokenbench("train", *words, "--out", tmp_path / "run")
    lines = [line for line in outcome.err.splitlines() if line.startswith("tokenbench: ")]
    assert outcome.code == 2
    assert lines
    assert said in "\n".join(lines)


def test_a_run_that_diverges_has_exit_code_1(tokenbench: Command, recipe: Path, tmp_path: Path) -> None:
    wild = ["optimiser.lr=1e30", "optimiser.warmup=0", "steps=50", "optimiser.clip=0"]
    outcome = tokenbench("train", recipe, "--out", tmp_path / "run", *(w for text in wild for w in ("--set", text)))
    assert outcome.code == 1
    assert outcome.message.startswith("tokenbench: stopped at step ")
    assert " is nan on " in outcome.message or " is inf on " in outcome.message
