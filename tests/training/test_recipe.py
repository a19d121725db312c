"""Recipes: what is understood, what is refused, and what may change when a run goes on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_support import write_recipe

from tokenbench.errors import Problems, TokenBenchError
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.cards import CARDS
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.training.recipe import RECIPES, differences, read_recipe
from tokenbench_cosmos.training.schedule import OptimiserSettings

NETWORKS = [name for path in sorted(RECIPES.glob("[cd][iv]-*.toml")) if "mini" not in (name := path.name[:-5])]
STAGES = ("stage1", "stage2", "fine-tuning")


@pytest.fixture
def recipe(tmp_path: Path, folder: Path) -> Path:
    return write_recipe(tmp_path, folder)


def message(files: list[str], *overrides: str) -> str:
    with pytest.raises(TokenBenchError) as caught:
        read_recipe(files, overrides)
    return str(caught.value)


def test_overrides_are_laid_over_the_file_and_keep_their_neighbours(recipe: Path) -> None:
    found = read_recipe([str(recipe)], ["optimiser.lr=0.5", "losses.flow=none", "data.short_side=[50, 60]", "ema=0"])
    assert (found.optimiser.lr, found.optimiser.warmup) == (0.5, 3)
    assert (found.losses.flow, found.losses.perceptual) == ("none", "none")
    assert found.data.short_side == (50, 60)
    assert found.ema == 0


def test_later_recipes_are_laid_over_earlier_ones_and_both_name_the_run(recipe: Path, tmp_path: Path) -> None:
    other = tmp_path / "longer.toml"
    other.write_text("steps = 77\nname = ''\n[optimiser]\nlr = 0.25")
    found = read_recipe([str(recipe), str(other)], ["name=again"])
    assert (found.steps, found.optimiser.lr, found.optimiser.warmup, found.name) == (77, 0.25, 3, "again")
    other.write_text("steps = 78")
    recipe.write_text(recipe.read_text().replace('name = "small"', ""))
    assert read_recipe([str(recipe), str(other)]).name == "small-longer"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.lr=1", "unknown key 'optimizer': did you mean 'optimiser'?"),
        ("losses.flwo=none", "losses has the unknown key 'flwo': did you mean 'flow'?"),
        ("optimiser.lr=fast", "optimiser: lr is 'fast', expected a number"),
        ("optimiser.betas=[0.9]", "betas is [0.9], expected a list of 2"),
        ("optimiser.betas=[0.9, 1.5]", "optimiser.betas has 1.5"),
        ("losses.perceptual=vgg11", "perceptual is 'vgg11', expected 'vgg19' or"),
        ("optimiser=3", "optimiser is 3, expected a table"),
        ("steps=0", "steps is 0, expected 1 or more"),
        ("steps=-3", "steps is -3"),
        ("steps=true", "steps is True"),
        ("ema=1.0", "ema is 1.0"),
        ("name=../../x", "name is '../../x'"),
        ("name=-x", "name is '-x'"),
        ("data.frames=6", "data.frames is 6, expected 1 + a multiple of 4"),
        ("data.width=50", "data.width is 50, expected a multiple of 8"),
        ("data.image_sizes=[64, 50]", "data.image_sizes has 50, expected a multiple of 8"),
        ("network.variant=CV4x8x9", "did you mean 'CV4x8x8'?"),
        ("network.variant=CI8x8", "is an image network; set data.image_every = 1"),
        ("network.channel_multipliers=[2]", "network: compression"),
        ("data.flip=2", "data.flip is 2"),
        ("losses.l1_weights=[1.0, 2.0]", "losses.l1_weights has 2 values"),
        ("seed=18446744073709551616", "seed is 18446744073709551616, expected less than 2**64"),
        ("trainer=nobody", "trainer is 'nobody'"),
        ("no-equals", "is not KEY=VALUE"),
        ("a..b=1", "is not KEY=VALUE"),
    ],
)
def test_bad_values_are_refused_in_one_line_that_names_them(recipe: Path, override: str, said: str) -> None:
    line = message([str(recipe)], override)
    assert said in line
    assert "\n" not in line


def test_samples_too_small_for_a_discriminator_are_refused_however_late_it_begins(recipe: Path) -> None:
    game = ["losses.adversarial=hinge", "losses.adversarial_start=1000", "losses.discriminator_layers=4"]
    assert read_recipe([str(recipe)], game).losses.adversarial == "hinge"
    assert "data.height is 32, expected 64 or more for a discriminator of 5 layers" in message(
        [str(recipe)], *game[:2], "losses.discriminator_layers=5"
    )
    assert read_recipe([str(recipe)], ["losses.discriminator_layers=5"]).losses.adversarial == "none"


def test_a_discriminator_keeps_its_own_learning_rate_where_the_recipe_says_something_else_of_it(recipe: Path) -> None:
    plain = read_recipe([str(recipe)]).discriminator
    found = read_recipe([str(recipe)], ["discriminator.warmup=7"]).discriminator
    assert (plain.lr, found.lr, found.warmup) == (4e-4, 4e-4, 7)
    assert read_recipe([str(recipe)], ["discriminator.lr=0.5"]).discriminator.lr == 0.5


def test_several_problems_are_a_line_each(recipe: Path) -> None:
    with pytest.raises(Problems) as caught:
        read_recipe([str(recipe)], ["steps=0", "data.width=50", "ema=2"])
    assert len(caught.value.lines) >= 3


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    assert "no recipe 'nowhere'" in message(["nowhere"])
    assert "no recipe" in message(["../recipes/tiny"])
    (tmp_path / "broken.toml").write_text("steps = [")
    assert "cannot be read" in message([str(tmp_path / "broken.toml")])
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert "cannot be read" in message([str(tmp_path / "bytes.toml")])


def test_every_released_network_of_the_first_two_series_has_a_recipe() -> None:
    released = {card.info.name for card in CARDS if not re.search("tokenize1|-mini$", card.info.name)}
    assert {f"cosmos-{name}" if "1.0" not in name else f"cosmos1-{name[:-4]}" for name in NETWORKS} == released


@pytest.mark.parametrize("network", ["cv-4x8x8", "dv-4x8x8", "ci-8x8", "di-8x8"])
@pytest.mark.parametrize("stages", [[], ["mini-large"], ["mini-long"]])
def test_the_small_networks_are_the_published_ones_at_less_width(network: str, stages: list[str]) -> None:
    recipe = read_recipe([f"{network}-mini", *stages], ["data.sources=['clips']", "start=''"])
    ours, published = recipe.network.config(), read_recipe([network, "stage1"], ["data.sources=['clips']"])
    assert replace(ours, channels=128, groups=1, z_channels=16) == replace(
        published.network.config(), groups=1, z_channels=16
    )
    assert sum(parameter.numel() for parameter in _on_meta(ours).parameters()) * 2 < 7_900_000


def _on_meta(config: CosmosConfig) -> CosmosAutoencoder:
    with torch.device("meta"):
        return CosmosAutoencoder(config)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_recipe_of_every_stage_can_be_read(network: str, stage: str) -> None:
    recipe = read_recipe([network, stage], ["data.sources=['clips']"])
    assert recipe.name == f"{network}-{stage}"
    assert recipe.network.overrides() == {}
    video = recipe.network.config().is_video
    assert recipe.data.uses_images
    assert recipe.data.uses_videos == video
    # The paper's frame counts, section 4 of its training part.
    frames = {("cv", False): 49, ("dv", False): 17, ("cv", True): 121, ("dv", True): 49}
    if video:
        assert recipe.data.frames == frames[network[:2], network.endswith("1.0")]


def test_stages_have_the_losses_of_the_paper() -> None:
    read = {stage: read_recipe(["cv-4x8x8", stage], ["data.sources=['clips']"]).losses for stage in STAGES}
    terms = {stage: set(losses.weights(0)) for stage, losses in read.items()}
    assert terms["stage1"] == {"l1", "perceptual"}
    assert terms["stage2"] == terms["fine-tuning"] == {"l1", "perceptual", "gram", "flow"}
    assert [losses.adversarial != "none" for losses in read.values()] == [False, False, True]
    assert {(losses.form, losses.perceptual) for losses in read.values()} == {("code", "vgg19")}


def test_what_does_not_change_the_result_may_change_when_a_run_goes_on(recipe: Path) -> None:
    first = read_recipe([str(recipe)])
    free = ["checkpoints.every=9", "checkpoints.best=none", "logging.every=3", "data.workers=1", "data.cache=else"]
    assert read_recipe([str(recipe)], free).fingerprint() == first.fingerprint()
    other = read_recipe([str(recipe)], ["optimiser.lr=0.5"])
    assert other.fingerprint() != first.fingerprint()
    assert differences(first.course(), other.course()) == ["optimiser.lr was 0.001, is 0.5"]


def test_the_learning_rate_rises_then_falls_as_it_should() -> None:
    settings = OptimiserSettings(lr=1.0, warmup=4, decay="linear", final=0.2)
    assert [settings.rate(step, 8) for step in range(9)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.8, 0.6, 0.4, 0.2])
    cosine = OptimiserSettings(lr=1.0, warmup=0, decay="cosine")
    assert [cosine.rate(step, 4) for step in range(5)] == pytest.approx([1, 0.8535534, 0.5, 0.1464466, 0], abs=1e-6)
    assert OptimiserSettings(lr=1.0, warmup=2).rate(10_000, 10) == 1.0
