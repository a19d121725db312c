"""What a run does from its recipe to its weights."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from cosmos_support import relative_error
from numpy.typing import NDArray
from safetensors.torch import load_file
from training_support import follow, losses, unseen, write_recipe

from tokenbench.errors import Problems, TokenBenchError
from tokenbench.registry import find_card, load_tokenizer
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.training.data import Batch
from tokenbench_cosmos.training.distributed import World
from tokenbench_cosmos.training.ema import Average
from tokenbench_cosmos.training.logbook import read_log
from tokenbench_cosmos.training.losses import build_losses
from tokenbench_cosmos.training.prepare import prepare
from tokenbench_cosmos.training.recipe import Recipe, read_recipe
from tokenbench_cosmos.training.state import first_state
from tokenbench_cosmos.training.step import Machine, add_gradients

ALONE = World(0, 1, torch.device("cpu"))


@pytest.fixture
def recipe(tmp_path: Path, folder: Path) -> Path:
    return write_recipe(tmp_path, folder)


def machine(recipe: Recipe) -> tuple[Machine, CosmosAutoencoder]:
    """A run of the recipe before its first step, and the network."""
    state = first_state(recipe, ALONE)
    made = Machine(recipe=recipe, world=ALONE, model=state.network.module, losses=build_losses(recipe.losses, "cpu"))
    return made, state.network.module


def clip(frames: int = 5, count: int = 2, height: int = 32, width: int = 48) -> Batch:
    values = torch.randint(0, 256, (count, frames, height, width, 3), dtype=torch.uint8)
    return Batch(values, tuple(f"clip@{number}" for number in range(count)), "video" if frames > 1 else "image")


def gradients(recipe: Recipe, *batches: Batch) -> dict[str, torch.Tensor]:
    state = first_state(recipe, ALONE)
    made = Machine(recipe=recipe, world=ALONE, model=state.network.module, losses=build_losses(recipe.losses, "cpu"))
    add_gradients(made, state, batches)
    return {name: weight.grad for name, weight in state.network.module.named_parameters() if weight.grad is not None}


def joined(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors.values()])


def test_images_and_videos_alternate_and_the_loss_falls(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert follow(recipe, out, "steps=30", "optimiser.lr=5e-3") == ""
    lines = [line for line in read_log(out) if "terms" in line]
    assert [line["step"] for line in lines] == list(range(1, 31))
    assert [line["kind"] for line in lines] == ["video", "image"] * 15
    values = [line["terms"]["l1"] for line in lines]
    assert np.mean(values[-6:]) < 0.8 * np.mean(values[:6])
    assert lines[0]["rates"]["network"] == pytest.approx(5e-3 / 3)


def test_evaluation_is_through_the_tokenizer_contract_on_clips_that_are_not_trained_on(
    recipe: Path, tmp_path: Path, carphone: NDArray[np.uint8]
) -> None:
    held_out = unseen(tmp_path / "unseen", carphone)
    settings = ["evaluation.every=10", f"evaluation.dataset={held_out}", "steps=30", "optimiser.lr=5e-3"]
    follow(recipe, tmp_path / "run", *settings)
    scores = [line["evaluation"]["psnr"] for line in read_log(tmp_path / "run") if "evaluation" in line]
    assert len(scores) == 4
    assert scores[-1] > scores[0] + 1
    best = json.loads((tmp_path / "run/best/training.json").read_text())
    assert best["evaluation"]["psnr"] == max(scores[1:])
    assert best["evaluation"]["clips"] == 1


def test_a_held_out_clip_is_not_trained_on(recipe: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Problems, match="held out"):
        follow(recipe, tmp_path / "run", "evaluation.every=2", f"evaluation.dataset={folder}")


def test_the_weights_that_come_out_are_the_average_and_load_as_a_tokenizer(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    follow(recipe, out)
    tokenizer = load_tokenizer("cosmos-cv-4x8x8", weights=str(out))
    assert tokenizer.info.parameters == sum(weight.numel() for weight in tokenizer.module.parameters()) < 500_000
    state = load_file(out / "checkpoints/step-00000006.safetensors")
    for name, weight in tokenizer.module.named_parameters():
        assert torch.equal(weight, state[f"ema.{name}"])
        assert not torch.equal(weight, state[f"network.{name}"])
    said = json.loads((out / "training.json").read_text())
    assert said["sha256"] == tokenizer.weights_sha256
    assert (said["tokenizer"], said["step"], said["recipe"]["steps"]) == ("cosmos-cv-4x8x8", 6, 6)
    assert said["network"] == {"channels": 8, "encoder_blocks": 1, "decoder_blocks": 1}
    assert len(said["data_sha256"]) == 64
    assert said["versions"]["torch"] == version("torch")


@pytest.mark.parametrize(
    "damage", ["[", "[]", '{"network": {"colour": 3}}', '{"network": 3}', '{"network": {"channels": "x"}}']
)
def test_a_damaged_note_beside_the_weights_is_refused(recipe: Path, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "run"
    follow(recipe, out, "steps=1")
    (out / "training.json").write_text(damage)
    with pytest.raises(TokenBenchError, match=r"training\.json"):
        load_tokenizer("cosmos-cv-4x8x8", weights=str(out))


def test_a_run_can_start_from_the_weights_of_another(recipe: Path, tmp_path: Path) -> None:
    follow(recipe, tmp_path / "first")
    follow(recipe, tmp_path / "second", f"start={tmp_path / 'first'}", "optimiser.lr=0.0", "ema=0.0", "steps=1")
    first, second = (load_file(tmp_path / name / "autoencoder.safetensors") for name in ("first", "second"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(TokenBenchError, match="nowhere"):
        follow(recipe, tmp_path / "third", "start=nowhere")


@pytest.mark.parametrize("name", ["cosmos-di-8x8", "cosmos-dv-4x8x8"])
def test_gradients_pass_straight_through_the_quantiser_to_every_weight(recipe: Path, name: str) -> None:
    video = find_card(name).info.modality == "video"
    variant = "DV4x8x8" if video else "DI8x8"
    settings = [f"network.variant={variant}", "network.z_channels=8", *([] if video else ["network.groups=4"])]
    tiny = read_recipe([str(recipe)], [*settings, *([] if video else ["data.image_every=1"])])
    made, network = machine(tiny)
    found = gradients(tiny, clip(5 if video else 1))
    assert found.keys() == {name for name, _ in network.named_parameters()}
    assert all(gradient.abs().max() > 0 for gradient in found.values())
    assert made.model is network


def test_recomputed_activations_change_no_gradient(recipe: Path) -> None:
    batch = clip()
    plain = gradients(read_recipe([str(recipe)]), batch)
    recomputed = gradients(read_recipe([str(recipe)], ["recompute=true"]), batch)
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)


def test_accumulated_batches_have_the_gradient_of_one_large_batch(recipe: Path) -> None:
    whole = clip(count=4)
    halves = [Batch(whole.frames[part], whole.ids[part], whole.kind) for part in (slice(0, 2), slice(2, 4))]
    tiny = read_recipe([str(recipe)])
    large, small = (joined(gradients(tiny, *batches)) for batches in ([whole], halves))
    assert relative_error(small, large) < 1e-5
    assert relative_error(joined(gradients(tiny, halves[0])), large) > 1e-3


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precision_has_nearly_the_same_loss(recipe: Path, tmp_path: Path, precision: str) -> None:
    follow(recipe, tmp_path / "exact", "steps=4")
    follow(recipe, tmp_path / "fast", "steps=4", f"precision={precision}")
    exact, fast = (losses(tmp_path / name) for name in ("exact", "fast"))
    assert [terms["l1"] for terms in fast] == pytest.approx([terms["l1"] for terms in exact], rel=0.05)
    assert fast != exact
    state = load_file(tmp_path / "fast/checkpoints/step-00000004.safetensors")
    assert {tensor.dtype for name, tensor in state.items() if name.endswith("weight")} == {torch.float32}


def test_weights_in_half_precision_hold_what_was_learned_and_load_as_the_same_network(
    recipe: Path, tmp_path: Path
) -> None:
    follow(recipe, tmp_path / "whole", "steps=2")
    follow(recipe, tmp_path / "half", "steps=2", "weights=float16")
    small = load_file(tmp_path / "half/autoencoder.safetensors")
    assert {tensor.dtype for tensor in small.values()} == {torch.float16}
    name = find_card(json.loads((tmp_path / "half/training.json").read_text())["tokenizer"]).info.name
    whole, half = (load_tokenizer(name, weights=str(tmp_path / each)).module.state_dict() for each in ("whole", "half"))
    assert whole.keys() == half.keys()
    learned = {key.removeprefix("network.") for key in small}
    for key, tensor in whole.items():
        expected = tensor.half().float() if key in learned else tensor
        assert torch.equal(half[key], expected), key
    assert learned < whole.keys()


def test_the_discriminator_learns_from_its_start_on(recipe: Path, tmp_path: Path) -> None:
    game = ["losses.adversarial=hinge", "losses.adversarial_start=3", "losses.r1_every=2"]
    small = ["losses.discriminator_channels=8", "losses.discriminator_layers=2", "discriminator.warmup=0"]
    follow(recipe, tmp_path / "run", *game, *small)
    terms = losses(tmp_path / "run")
    assert [sorted(each) for each in terms[:3]] == [["l1"]] * 3
    both = ["adversarial", "discriminator", "l1"]
    assert [sorted(each) for each in terms[3:]] == [sorted([*both, "r1"]), both, sorted([*both, "r1"])]
    before, after = (load_file(tmp_path / f"run/checkpoints/step-0000000{step}.safetensors") for step in (4, 6))
    weights = [name for name in before if name.startswith("discriminator.blocks")]
    assert any(not torch.equal(before[name], after[name]) for name in weights)


def test_a_whole_number_does_for_a_beta(recipe: Path, tmp_path: Path) -> None:
    assert follow(recipe, tmp_path / "whole", "optimiser.betas=[0, 0.9]", "steps=2") == ""
    assert follow(recipe, tmp_path / "real", "optimiser.betas=[0.0, 0.9]", "steps=2") == ""
    assert losses(tmp_path / "whole") == losses(tmp_path / "real")


@pytest.mark.slow
def test_a_compiled_network_computes_the_same(recipe: Path) -> None:
    tiny = read_recipe([str(recipe)], ["compile=true"])
    network = first_state(replace(tiny, compile=False), ALONE).network.module
    pixels = torch.rand(1, 3, 5, 32, 48) * 2 - 1
    expected = network(pixels)
    prepare(network, tiny, ALONE)
    assert relative_error(network(pixels), expected) < 1e-5


def test_the_average_follows_the_weights_by_its_decay() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = Average(network, decay=0.5)  # type: ignore[arg-type] - any network has an average
    network.weight.data.fill_(1.0)
    average.update(network, step=0)  # type: ignore[arg-type]
    assert float(average.module.weight) == pytest.approx(0.9)
    average.update(network, step=1000)  # type: ignore[arg-type]
    assert float(average.module.weight) == pytest.approx(0.95)
