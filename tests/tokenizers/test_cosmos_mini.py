"""The networks whose weights come in the package: what they are, what they learned from, and what they are worth."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cosmos_support import MINI_NAMES, config_of
from numpy.typing import NDArray
from safetensors.torch import save_file

from tokenbench.datasets.catalog import open_dataset
from tokenbench.metrics.functional import psnr
from tokenbench.readiness import readiness
from tokenbench.registry import find_card, load_tokenizer
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.cards import SHIPPED
from tokenbench_cosmos.training.recipe import read_recipe

LARGEST = 8_000_000
KODAK = Path(__file__).parents[3] / "shared/data/images/kodak"

# What a stage may say beside its recipes, and its card must.
STATED = {"network": {"channels", "channel_multipliers", "initialisation"}, "optimiser": {"warmup"}}


def record_of(name: str) -> dict[str, Any]:
    """What the training of the shipped weights wrote of them."""
    record: dict[str, Any] = json.loads((SHIPPED / name / "training.json").read_text())
    return record


def lineage(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A training and those that it began with."""
    return [record, *(lineage(record["began_as"]) if record["began_as"] else [])]


@cache
def middles(media: str) -> list[NDArray[np.uint8]]:
    """The first 17 frames of the evaluation set's videos, or its photographs; 256 x 256 pixels around the middle."""
    clips = [clip.probed() for clip in open_dataset("mini").clips if clip.kind == media]
    crops = []
    for clip in clips:
        pixels = next(iter(clip.chunks(17)))
        top, left = (pixels.shape[1] - 256) // 2, (pixels.shape[2] - 256) // 2
        crops.append(pixels[:, top : top + 256, left : left + 256])
    return crops


def mean_psnr(name: str) -> float:
    """Over the crops of the tokenizer's own kind of media."""
    tokenizer = load_tokenizer(name)
    media = tokenizer.info.modality
    values = []
    for pixels in middles(media):
        video = torch.from_numpy(pixels).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        output = tokenizer.reconstruct(video if media == "video" else video[:, :, 0])
        frames = output[0].permute(1, 2, 3, 0) if media == "video" else output.permute(0, 2, 3, 1)
        values.append(psnr(pixels, ((frames.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()))
    return float(np.mean(values))


def test_there_is_one_of_each_kind() -> None:
    kinds = {(find_card(name).info.kind, find_card(name).info.modality) for name in MINI_NAMES}
    assert kinds == {(kind, media) for kind in ("continuous", "discrete") for media in ("image", "video")}


@pytest.mark.parametrize("name", MINI_NAMES)
def test_the_weights_are_those_of_the_record_and_small(name: str) -> None:
    path = SHIPPED / name / "autoencoder.safetensors"
    assert path.stat().st_size <= LARGEST
    assert hashlib.sha256(path.read_bytes()).hexdigest() == record_of(name)["sha256"]


@pytest.mark.parametrize("name", MINI_NAMES)
def test_they_load_by_name_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    card = find_card(name)
    assert readiness(card).state == "ready"
    tokenizer = load_tokenizer(name)
    assert sum(weight.numel() for weight in tokenizer.module.parameters()) == card.info.parameters
    assert tokenizer.provenance["weights"]["source"] == "in the package"
    assert tokenizer.weights_sha256 is not None


@pytest.mark.parametrize("name", MINI_NAMES)
def test_the_record_names_the_recipes_of_the_package(name: str) -> None:
    """The network, the losses and the rates of every stage are those that the recipes give."""
    for stage in lineage(record_of(name)):
        told = stage["recipe"]
        first, _, later = told["name"].partition("-mini-")
        layers = [f"{first}-mini", later] if later else [first]
        rate = told["optimiser"]["lr"]
        text = (SHIPPED / name / "README.md").read_text()
        chosen = [f"steps={told['steps']}", f"start={told['start']!r}", f"optimiser.lr={rate}"]
        recipe = read_recipe(layers, ["data.sources=['x']", *chosen]).as_dict()
        for table in ("network", "optimiser", "losses"):
            now = recipe[table]
            differing = {key for key in told[table].keys() & now.keys() if told[table][key] != now[key]}
            assert differing <= STATED.get(table, set())
            assert all(f"{table}.{key}={told[table][key]}" in text for key in differing)
            assert told[table].keys() <= now.keys()
            # Settings that have come since do nothing here.
            assert not any(any(now[key]) for key in now.keys() - told[table].keys())
        assert stage["step"] == told["steps"]
        assert f"| {told['steps']:,} |" in text
        assert f"| {rate:.4f} |" in text


def test_the_last_stage_trained_the_network_of_the_card() -> None:
    for name in MINI_NAMES:
        config = find_card(name).options["config"]
        told = record_of(name)["recipe"]["network"]
        assert told["channels"] == config.channels
        assert tuple(told["channel_multipliers"]) in ((), config.channel_multipliers)


@pytest.mark.parametrize("name", MINI_NAMES)
def test_nothing_of_the_evaluation_set_was_trained_on(name: str) -> None:
    """By the digests of the files; where the photographs of Kodak are at hand, also none of those."""
    evaluated = {hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in open_dataset("mini").clips}
    assert len(evaluated) == 12
    evaluated |= {hashlib.sha256(path.read_bytes()).hexdigest() for path in KODAK.glob("*.png")}
    for stage in lineage(record_of(name)):
        assert len(stage["clips_sha256"]) >= 100
        assert not evaluated & set(stage["clips_sha256"])


@pytest.mark.parametrize("name", MINI_NAMES)
def test_the_card_says_what_a_reader_must_know(name: str) -> None:
    text = (SHIPPED / name / "README.md").read_text()
    for word in ("Licence", "Data", "Recipe", "Device", "PSNR", "tokenbench train", record_of(name)["sha256"][:8]):
        assert word in text
    assert record_of(name)["recipe"]["data"]["sources"]
    assert not any(source.startswith("/") for source in record_of(name)["recipe"]["data"]["sources"])


@pytest.mark.parametrize(
    ("name", "linear", "margin"),
    [("cosmos-ci-8x8-mini", ("klt-8x8", "haar-8x8"), 1.0), ("cosmos-cv-4x8x8-mini", ("klt-4x8x8", "haar-4x8x8"), 0.5)],
)
def test_continuous_ones_beat_every_linear_transform_of_their_size(
    name: str, linear: tuple[str, ...], margin: float
) -> None:
    """At one latent size; the cards have the means over whole frames."""
    best = max(mean_psnr(other) for other in linear)
    assert mean_psnr(name) > best + margin


@pytest.mark.parametrize("name", [name for name in MINI_NAMES if find_card(name).info.vocabulary])
def test_discrete_ones_give_the_picture_back(name: str) -> None:
    """Far better than the mean colour, which is about 13 dB."""
    assert mean_psnr(name) > 22


def test_weights_of_a_run_of_other_widths_load_under_their_names(tmp_path: Path) -> None:
    """What a run says of its network is said of the published one, not of the one in the package."""
    network = CosmosAutoencoder(replace(config_of("cosmos-ci-8x8"), channels=8, groups=1))
    save_file(network.state_dict(), tmp_path / "autoencoder.safetensors")
    (tmp_path / "training.json").write_text(json.dumps({"network": {"channels": 8, "groups": 1}}))
    for name in ("cosmos-ci-8x8", "cosmos-ci-8x8-mini"):
        tokenizer = load_tokenizer(name, weights=str(tmp_path))
        assert tokenizer.module.config == network.config
