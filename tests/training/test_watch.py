"""A training that goes wrong is stopped, and what went wrong is named."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_support import follow, losses, write_recipe

from tokenbench_cosmos.training.checkpoints import newest
from tokenbench_cosmos.training.losses import Losses
from tokenbench_cosmos.training.recipe import WatchSettings
from tokenbench_cosmos.training.watch import Diverged, Watch


def ids() -> list[str]:
    return ["a@3", "b@0"]


def watch_levels(watch: Watch, values: list[float], kind: str = "video") -> None:
    for step, value in enumerate(values, start=1):
        watch.check_level(step, kind, {"l1": value}, ids)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named_at_once(value: float) -> None:
    with pytest.raises(Diverged, match=rf"step 7: flow is {value} on a@3, b@0"):
        Watch(WatchSettings()).check_finite(7, {"l1": 0.1, "flow": value}, ids)


def test_a_loss_far_above_its_median_for_long_is_divergence() -> None:
    settings = WatchSettings(factor=5, window=20, patience=3)
    with pytest.raises(Diverged, match=r"step 23: l1 is 6, above 5 times its median 1 for 3 video batches, now a@3"):
        watch_levels(Watch(settings), [1.0] * 20 + [6.0] * 3)


def test_a_peak_is_no_divergence_and_does_not_move_the_median() -> None:
    settings = WatchSettings(factor=5, window=20, patience=3)
    watch_levels(Watch(settings), ([1.0] * 20 + [6.0] * 2) * 10)
    watch_levels(Watch(settings), [4.9] * 50)


def test_images_and_videos_are_watched_apart() -> None:
    watch = Watch(WatchSettings(factor=5, window=20, patience=3))
    watch_levels(watch, [1.0] * 20)
    watch_levels(watch, [100.0] * 20, "image")
    with pytest.raises(Diverged, match="image"):
        watch_levels(watch, [1000.0] * 20, "image")


def test_a_restored_watch_goes_on() -> None:
    settings = WatchSettings(factor=5, window=20, patience=3)
    watch, again = Watch(settings), Watch(settings)
    watch_levels(watch, [1.0, 0.3] * 10 + [6.0] * 2)
    again.restore(json.loads(json.dumps(watch.state())))
    with pytest.raises(Diverged):
        again.check_level(23, "video", {"l1": 6.0}, ids)


def test_a_weight_that_rises_by_its_schedule_is_no_divergence(tmp_path: Path, folder: Path) -> None:
    rising = ["losses.l1_weights=[0.03, 1.0]", "losses.l1_boundaries=[30]", "steps=60", "optimiser.lr=1e-5"]
    out = tmp_path / "run"
    assert follow(write_recipe(tmp_path, folder), out, *rising, "checkpoints.every=100", "watch.patience=4") == ""
    terms = [each["l1"] for each in losses(out)]
    assert min(terms[30:]) > 10 * max(terms[:30])


def test_nan_stops_the_run_before_it_gets_into_the_weights(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms, calls = Losses.terms, itertools.count(1)

    def broken(self: Losses, reconstruction: Tensor, target: Tensor, step: int) -> dict[str, Tensor]:
        found = terms(self, reconstruction, target, step)
        return found | ({"perceptual": found["l1"] * math.nan} if next(calls) == 4 else {})

    monkeypatch.setattr(Losses, "terms", broken)
    out, recipe = tmp_path / "run", write_recipe(tmp_path, folder)
    said = follow(recipe, out)
    assert said.startswith("step 4: perceptual is nan on photo.png@0, photo.png@0; ")
    assert said.endswith(f"the state before is kept in {newest(out)}")
    assert newest(out) == out / "checkpoints/step-00000002.safetensors"
    assert not (out / "autoencoder.safetensors").exists()
    assert len(losses(out)) == 3
    # What was wrong is gone: the run goes on.
    assert follow(recipe, out) == ""


def test_a_gradient_that_is_not_finite_stops_the_run(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = Losses.terms

    def steep(self: Losses, reconstruction: Tensor, target: Tensor, step: int) -> dict[str, Tensor]:
        # The root's slope at 0 is infinite, its value 0.
        return {"l1": terms(self, reconstruction, target, step)["l1"] + torch.sqrt(reconstruction.sum() * 0)}

    monkeypatch.setattr(Losses, "terms", steep)
    said = follow(write_recipe(tmp_path, folder), tmp_path / "run")
    assert said.startswith("step 1: gradient of the network is nan on ")
    assert said.endswith("there was no checkpoint yet")


def test_a_learning_rate_that_is_far_too_high_is_stopped(tmp_path: Path, folder: Path) -> None:
    wild = ["optimiser.lr=1.0", "optimiser.warmup=300", "optimiser.clip=0.0", "steps=300"]
    watch = ["watch.window=20", "watch.patience=4", "watch.factor=3"]
    out, recipe = tmp_path / "run", write_recipe(tmp_path, folder)
    said = follow(recipe, out, *wild, *watch)
    assert " l1 is " in said
    assert newest(out) is not None
    # What only stops a run may change when it goes on.
    assert " l1 is " not in follow(recipe, out, *wild, "watch.factor=0", "steps=4")
