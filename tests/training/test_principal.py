"""First weights that make a linear codec of the training data."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from training_support import follow, write_recipe

from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.config import FSQ_LEVELS, CosmosConfig
from tokenbench_cosmos.layers2d import ResBlock
from tokenbench_cosmos.layers3d import CausalResBlock3D
from tokenbench_cosmos.training.principal import begin_principal, begin_projections

CONFIGS = {
    "cv-4x8x8": CosmosConfig(modality="video", compression=(4, 8, 8), channel_multipliers=(2, 4), channels=16),
    "cv-8x16x16": CosmosConfig(modality="video", compression=(8, 16, 16), channels=16),
    "dv-4x8x8": CosmosConfig(modality="video", compression=(4, 8, 8), channels=16, fsq_levels=FSQ_LEVELS),
    "ci-8x8": CosmosConfig(modality="image", compression=(1, 8, 8), channels=16),
    "di-16x16": CosmosConfig(modality="image", compression=(1, 16, 16), channels=16, fsq_levels=FSQ_LEVELS),
}


def pixels(mini: dict[str, Clip], config: CosmosConfig, height: int = 96, first: int = 0) -> Tensor:
    if config.is_video:
        return to_float(next(mini["carphone"].chunks(17)))[..., first : first + height, :128]
    return to_float(next(mini["chelsea"].chunks(1)))[:, :, 0, first : first + height, :128]


def psnr(network: CosmosAutoencoder, original: Tensor) -> float:
    with torch.no_grad():
        return float(10 * torch.log10(4 / (network(original) - original).square().mean()))


@pytest.mark.parametrize("name", CONFIGS)
def test_an_untrained_network_shows_what_it_is_given(name: str, mini: dict[str, Clip]) -> None:
    config = CONFIGS[name]
    torch.manual_seed(0)
    network = CosmosAutoencoder(config)
    seen, unseen = pixels(mini, config), pixels(mini, config, height=32, first=96)
    mean_colour = float(10 * torch.log10(4 / (unseen - unseen.mean()).square().mean()))
    assert psnr(network, unseen) < mean_colour + 1
    begin_principal(network, seen)
    assert psnr(network, unseen) > mean_colour + (2 if name == "cv-8x16x16" else 4)


def test_a_wider_code_loses_less(mini: dict[str, Clip]) -> None:
    left = []
    for name in ("cv-8x16x16", "cv-4x8x8"):
        network = CosmosAutoencoder(CONFIGS[name])
        begin_principal(network, pixels(mini, CONFIGS[name]))
        left.append(psnr(network, pixels(mini, CONFIGS[name])))
    assert left[1] > left[0] + 1


@pytest.mark.parametrize("name", ["cv-4x8x8", "ci-8x8"])
def test_contrast_comes_through_the_normalisations(name: str, mini: dict[str, Clip]) -> None:
    """Half the contrast in is half the contrast out, which no normalisation by itself would keep."""
    network, original = CosmosAutoencoder(CONFIGS[name]), pixels(mini, CONFIGS[name])
    begin_principal(network, original)
    with torch.no_grad():
        whole, half, none = (network(scale * original) for scale in (1.0, 0.5, 0.0))
    assert (half - none).std() / (whole - none).std() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", ["cv-4x8x8", "ci-8x8"])
@torch.no_grad()
def test_latents_begin_with_variance_one_and_residual_branches_at_zero(name: str, mini: dict[str, Clip]) -> None:
    network, original = CosmosAutoencoder(CONFIGS[name]), pixels(mini, CONFIGS[name])
    begin_principal(network, original)
    latent = network.latent(original).movedim(1, -1).flatten(0, -2)
    assert torch.allclose(latent.mean(0), torch.zeros(16), atol=1e-3)
    assert torch.allclose(latent.var(0), torch.ones(16), atol=0.05)
    blocks = [module for module in network.modules() if isinstance(module, ResBlock | CausalResBlock3D)]
    for block in blocks:
        last = block.conv2 if isinstance(block, ResBlock) else block.conv2[1].conv3d
        assert last.weight.abs().max() == 0


@torch.no_grad()
def test_new_projections_make_a_discrete_network_of_a_continuous_one(mini: dict[str, Clip]) -> None:
    continuous, discrete = (
        CosmosAutoencoder(CONFIGS["cv-4x8x8"]),
        CosmosAutoencoder(
            CosmosConfig(
                modality="video", compression=(4, 8, 8), channel_multipliers=(2, 4), channels=16, fsq_levels=FSQ_LEVELS
            )
        ),
    )
    original = pixels(mini, CONFIGS["cv-4x8x8"])
    begin_principal(continuous, original)
    discrete.encoder.load_state_dict(continuous.encoder.state_dict())
    discrete.decoder.load_state_dict(continuous.decoder.state_dict())
    begin_projections(discrete, original)
    assert psnr(continuous, original) > psnr(discrete, original) > psnr(continuous, original) - 10
    codes = discrete.encode(original)
    used = [len(column.unique()) for column in discrete.quantizer(discrete.latent(original)).movedim(1, 0)]
    assert len(codes.unique()) > 100
    assert min(used) >= 4


def test_a_run_of_a_discrete_network_starts_from_a_continuous_one(tmp_path: Path, folder: Path) -> None:
    follow(write_recipe(tmp_path, folder), tmp_path / "first", "steps=2")
    begun = [f"start={tmp_path / 'first'}", "steps=1", "optimiser.lr=1e-12", 'network.variant="DV4x8x8"']
    follow(
        write_recipe(tmp_path, folder),
        tmp_path / "second",
        *begun,
        'network.initialisation="principal"',
        "network.channel_multipliers=[2, 4]",
        "data.image_every=0",
    )
    first, second = (load_file(tmp_path / name / "autoencoder.safetensors") for name in ("first", "second"))
    kept = [name for name in first if name.startswith(("encoder.", "decoder."))]
    assert kept
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in kept)
    assert second["quant_conv.conv3d.weight"].shape[0] == len(FSQ_LEVELS)
