"""First weights that go on from a network of fewer channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from training_support import follow, write_recipe

from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float
from tokenbench.registry import load_tokenizer
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.training.wider import begin_wider

SMALL = CosmosConfig(modality="image", compression=(1, 8, 8), channels=8)


def pixels(mini: dict[str, Clip], *, video: bool, left: int) -> Tensor:
    if video:
        return to_float(next(mini["carphone"].chunks(9)))[..., :96, left : left + 80]
    return to_float(next(mini["chelsea"].chunks(1)))[:, :, 0, :192, left : left + 192]


def widened(narrow: CosmosAutoencoder, seen: Tensor, **changes: object) -> CosmosAutoencoder:
    torch.manual_seed(0)
    network = CosmosAutoencoder(replace(narrow.config, **changes))  # type: ignore[arg-type]
    begin_wider(network, narrow, seen)
    return network


@pytest.mark.parametrize("name", ["ci-8x8", "cv-4x8x8"])
@torch.no_grad()
def test_a_wider_network_begins_with_what_the_narrower_one_has_learned(name: str, mini: dict[str, Clip]) -> None:
    narrow = load_tokenizer(f"cosmos-{name}-mini").module
    seen, unseen = (pixels(mini, video=narrow.config.is_video, left=left) for left in (0, 80))
    network = widened(narrow, seen, channels=narrow.config.channels + 4)
    before, after = narrow(unseen), network(unseen)
    assert sum(weight.numel() for weight in network.parameters()) > 1.2 * sum(w.numel() for w in narrow.parameters())
    left = [float(10 * torch.log10(4 / (shown - unseen).square().mean())) for shown in (before, after)]
    assert left[0] > 25
    assert left[1] == pytest.approx(left[0], abs=0.2)


def test_only_some_levels_may_become_wider(mini: dict[str, Clip]) -> None:
    narrow, seen = CosmosAutoencoder(SMALL), pixels(mini, video=False, left=0)
    network = widened(narrow, seen, channel_multipliers=(3, 4, 4))
    assert torch.equal(network.decoder.mid.block_1.conv1.weight, narrow.decoder.mid.block_1.conv1.weight)
    assert network.decoder.conv_out.weight.shape[1] == 24


def test_new_channels_learn_from_the_first_step(mini: dict[str, Clip]) -> None:
    seen = pixels(mini, video=False, left=0)
    network = widened(CosmosAutoencoder(SMALL), seen, channels=12)
    (network(seen) - seen).square().mean().backward()
    conv = network.decoder.up[0].block[0].conv1
    assert not conv.weight[16:].any()
    assert (conv.weight.grad[16:, :16].abs().amax((1, 2, 3)) > 0).all()


def test_a_network_that_does_not_hold_the_other_is_refused(mini: dict[str, Clip]) -> None:
    narrow, seen = CosmosAutoencoder(SMALL), pixels(mini, video=False, left=0)
    with pytest.raises(TokenBenchError, match=r"network.channels: encoder.conv_in.weight of .* is \(8, 48, 3, 3\)"):
        widened(narrow, seen, channels=4)
    with pytest.raises(TokenBenchError, match=r"channel_multipliers: decoder.up.0.block.0.nin_shortcut.bias"):
        widened(narrow, seen, channel_multipliers=(4, 4, 4))


def test_a_run_begins_with_a_narrower_one(tmp_path: Path, folder: Path) -> None:
    recipe = write_recipe(tmp_path, folder)
    follow(recipe, tmp_path / "first", "steps=1")
    wider = ['network.initialisation="wider"', "network.channels=12", "steps=1", "optimiser.lr=1e-12"]
    follow(recipe, tmp_path / "second", f"start={tmp_path / 'first'}", *wider)
    first, second = (load_file(tmp_path / name / "autoencoder.safetensors") for name in ("first", "second"))
    name = "decoder.conv_in.0.conv3d.weight"
    assert second[name].shape[0] > first[name].shape[0]
    assert torch.allclose(second[name][: len(first[name])], first[name], atol=1e-6)


def test_wider_than_nothing_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TokenBenchError, match=r"network.initialisation is .wider., which begins with an earlier run"):
        follow(write_recipe(tmp_path, folder), tmp_path / "run", 'network.initialisation="wider"')
