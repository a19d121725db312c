from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.causal import fold
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.layers2d import Attention, DownSample, ResBlock, UpSample
from tokenbench_cosmos.layers3d import CausalAttention, CausalDownSample3D, CausalResBlock3D, CausalUpSample3D
from tokenbench_cosmos.training.initialise import begin_linear

VIDEO = CosmosConfig(modality="video", compression=(8, 16, 16), channels=8, z_channels=4)
IMAGE = CosmosConfig(modality="image", compression=(1, 16, 16), channels=8, z_channels=4, groups=4)


def network(config: CosmosConfig) -> CosmosAutoencoder:
    torch.manual_seed(0)
    made = CosmosAutoencoder(config)
    begin_linear(made)
    return made.eval()


@pytest.fixture(params=[VIDEO, IMAGE], ids=["video", "image"])
def begun(request: pytest.FixtureRequest) -> CosmosAutoencoder:
    return network(request.param)


def maps(channels: int, config: CosmosConfig) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, channels, *((5,) if config.is_video else ()), 8, 8)


@torch.no_grad()
def test_residual_blocks_and_attention_pass_their_input_on(begun: CosmosAutoencoder) -> None:
    seen = 0
    for module in begun.modules():
        if isinstance(module, ResBlock | CausalResBlock3D):
            convs = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d | torch.nn.Conv3d)]
            x = maps(convs[0].in_channels, begun.config)
            assert torch.equal(module(x.clone()), module.nin_shortcut(x))
            seen += 1
        elif isinstance(module, Attention | CausalAttention):
            x = maps(next(module.parameters()).shape[0], begun.config)
            assert torch.equal(module(x.clone()), x)
            seen += 1
    assert seen > 20


@torch.no_grad()
def test_halving_takes_means_and_doubling_repeats(begun: CosmosAutoencoder) -> None:
    for module in begun.modules():
        if isinstance(module, DownSample):
            x = maps(module.conv.in_channels, begun.config)
            assert torch.allclose(module(x), F.avg_pool2d(x, 2), atol=1e-6)
        elif isinstance(module, UpSample):
            x = maps(module.conv.in_channels, begun.config)
            assert torch.allclose(module(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=1e-6)
        elif isinstance(module, CausalDownSample3D | CausalUpSample3D):
            x = maps(module.conv3.conv3d.in_channels, begun.config)
            made = module(x.clone())
            if isinstance(module, CausalDownSample3D) and not module.time:
                assert torch.allclose(fold(made), F.avg_pool2d(fold(x), 2), atol=1e-6)
            # The first frame stays alone, whatever happens to time.
            elif isinstance(module, CausalUpSample3D) and module.space:
                first = x[:, :, 0].repeat_interleave(2, 2).repeat_interleave(2, 3)
                assert torch.allclose(made[:, :, 0], first, atol=1e-6)


@torch.no_grad()
def test_the_encoder_is_a_linear_map_up_to_its_last_normalisation(begun: CosmosAutoencoder) -> None:
    encoder = begun.encoder
    seen: list[torch.Tensor] = []
    handle = encoder.norm_out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    torch.manual_seed(2)
    x, y = (torch.randn(1, 3, *((9,) if begun.config.is_video else ()), 32, 32) for _ in range(2))
    for each in (x, y, 2 * x - 3 * y, torch.zeros_like(x)):
        encoder(each)
    handle.remove()
    of_x, of_y, of_both, of_none = (each - seen[3] for each in seen)
    assert of_none.abs().max() == 0
    assert torch.allclose(of_both, 2 * of_x - 3 * of_y, atol=1e-4)
    assert of_x.abs().mean() > 1e-2


def test_every_weight_can_still_learn(begun: CosmosAutoencoder) -> None:
    begun.train()
    optimiser = torch.optim.SGD(begun.parameters(), lr=1e-2)
    before = {name: parameter.clone() for name, parameter in begun.named_parameters()}
    for seed in range(4):
        torch.manual_seed(seed)
        x = torch.randn(2, 3, *((9,) if begun.config.is_video else ()), 32, 32)
        optimiser.zero_grad()
        (begun(x) - x).square().mean().backward()
        optimiser.step()
    still = [name for name, parameter in begun.named_parameters() if torch.equal(parameter, before[name])]
    # The softmax of attention is the same for whatever is added to every key.
    assert not [name for name in still if not name.endswith(("k.bias", "k.conv3d.bias"))], still
