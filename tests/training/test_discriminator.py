"""The discriminator takes clips and images alike, sees patches, and can be penalised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.training.discriminator import PatchDiscriminator, build_discriminator
from tokenbench_cosmos.training.losses import Adversarial, LossSettings


@pytest.fixture(params=[False, True], ids=["group", "spectral"])
def discriminator(request: pytest.FixtureRequest) -> PatchDiscriminator:
    torch.manual_seed(0)
    return PatchDiscriminator(8, 2, spectral=request.param)


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("size", "scores"), [((1, 32, 32), (1, 4, 4)), ((9, 32, 48), (2, 4, 6)), ((4, 17, 31), (1, 2, 3))]
)
def test_images_and_clips_have_scores_for_patches(size: tuple[int, ...], scores: tuple[int, ...]) -> None:
    assert PatchDiscriminator(4, 3)(noise(2, 3, *size)).shape == (2, 1, *scores)


def test_a_recipe_has_the_discriminator_it_asks_for() -> None:
    assert build_discriminator(LossSettings()) is None
    made = build_discriminator(
        LossSettings(adversarial="hinge", discriminator_channels=12, discriminator_layers=2, spectral_norm=True)
    )
    assert made is not None
    convolutions = [module for module in made.modules() if isinstance(module, nn.Conv3d)]
    assert [convolution.out_channels for convolution in convolutions] == [12, 24, 48, 1]
    assert all(nn.utils.parametrize.is_parametrized(convolution, "weight") for convolution in convolutions)


def test_frames_too_small_for_its_layers_are_refused() -> None:
    network = PatchDiscriminator(4, 3)
    assert network(noise(1, 3, 1, 16, 16)).shape == (1, 1, 1, 2, 2)
    with pytest.raises(TokenBenchError, match="3 layers needs frames of at least 16 x 16 pixels, got 20 x 15; set"):
        network(noise(1, 3, 1, 15, 20))


def test_samples_do_not_see_each_other(discriminator: PatchDiscriminator) -> None:
    batch = noise(3, 3, 5, 16, 16)
    discriminator.eval()
    together = discriminator(batch)
    alone = torch.cat([discriminator(sample[None]) for sample in batch])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_score_is_of_a_patch_and_not_of_the_clip() -> None:
    network = PatchDiscriminator(4, 2, spectral=True).eval()
    video = noise(1, 3, 3, 64, 64)
    changed = video.clone()
    changed[..., :8, :8] *= -1
    difference = (network(video) - network(changed)).abs()[0, 0].amax(dim=0)
    assert difference[0, 0] > 0
    assert difference[8:].max() == 0
    assert difference[:, 8:].max() == 0


def test_time_matters(discriminator: PatchDiscriminator) -> None:
    video = noise(1, 3, 9, 16, 16)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    discriminator.eval()
    assert not torch.allclose(discriminator(video), discriminator(video[:, :, order]), atol=1e-3)


def test_spectral_normalisation_bounds_every_layer() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(8, 2, spectral=True).train()
    for _ in range(50):
        network(noise(1, 3, 1, 8, 8))
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            largest = torch.linalg.matrix_norm(module.weight.detach().flatten(1), ord=2)
            assert largest.item() == pytest.approx(1, rel=0.05)


def test_the_penalty_reaches_every_weight(discriminator: PatchDiscriminator) -> None:
    game = Adversarial(kind="hinge", weight=1.0, start=0, adaptive=False, r1_weight=1.0, r1_every=1)
    terms = game.discriminator_terms(discriminator, noise(2, 3, 1, 16, 16), -noise(2, 3, 1, 16, 16), 0)
    terms["r1"].backward()
    for name, weight in discriminator.named_parameters():
        if name.endswith(("weight", "original")):
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name
            assert weight.grad.abs().sum() > 0, name


def test_autocast_gives_nearly_the_same_scores(discriminator: PatchDiscriminator) -> None:
    video = noise(1, 3, 3, 16, 16)
    discriminator.eval()
    with torch.no_grad():
        expected = discriminator(video)
        with torch.autocast("cpu", torch.bfloat16):
            scores = discriminator(video)
    torch.testing.assert_close(scores.float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("kind", "spectral"), [("hinge", False), ("non-saturating", True)])
def test_it_learns_to_tell_sharp_frames_from_blurred_ones(
    kind: Any, spectral: bool, carphone: NDArray[np.uint8]
) -> None:
    torch.manual_seed(0)
    clips = torch.from_numpy(carphone[:, :128, :160]).permute(0, 3, 1, 2).float() / 127.5 - 1
    # Twenty patches of five frames, in time as they come.
    tiles = clips[::5].unfold(2, 32, 32).unfold(3, 32, 32).permute(2, 3, 1, 0, 4, 5).flatten(0, 1)
    blurred = nn.functional.avg_pool3d(tiles, (1, 5, 5), stride=1, padding=(0, 2, 2), count_include_pad=False)
    network = PatchDiscriminator(8, 2, spectral=spectral)
    game = Adversarial(kind=kind, weight=1.0, start=0, adaptive=False, r1_weight=0.1, r1_every=4)
    optimiser = torch.optim.Adam(network.parameters(), lr=4e-3, betas=(0.5, 0.999))
    for step in range(80):
        terms = game.discriminator_terms(network, blurred[:16], tiles[:16], step)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    network.eval()
    with torch.no_grad():
        real, false = (network(side[16:]).flatten(1).mean(dim=1) for side in (tiles, blurred))
    assert (real > false).all(), "on patches that it has not seen"
    assert real.mean() - false.mean() > 0.1
