"""Properties of the Cosmos networks: names, causality, and what a clip's beginning has to do with the clip."""

import csv
import math
from dataclasses import replace

import pytest
import torch
from cosmos_support import (
    FACTS,
    NAMES,
    VIDEO_NAMES,
    config_of,
    needs_facts,
    pixels_for,
    relative_error,
    small_config,
    small_network,
    variant_of,
)

from tokenbench.registry import find_card
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.config import CosmosConfig


def on_meta(name: str) -> CosmosAutoencoder:
    with torch.device("meta"):
        return CosmosAutoencoder(config_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_parameter_count_is_the_cards(name: str) -> None:
    count = sum(parameter.numel() for parameter in on_meta(name).parameters())
    assert count == find_card(name).info.parameters


@needs_facts
@pytest.mark.parametrize("name", NAMES)
def test_state_dict_has_the_released_names_shapes_and_kinds(name: str) -> None:
    low_resolution = name.endswith("-360p")
    variant = variant_of(name.replace("cosmos-tokenize1", "cosmos"))
    table = f"tokenize1-360p/{variant}-360p.tsv" if low_resolution else f"{variant}.tsv"
    with (FACTS / "statedict" / table).open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    module = on_meta(name)
    parameters = {key for key, _ in module.named_parameters()}
    ours = {
        key: (
            "x".join(map(str, tensor.shape)),
            "bfloat16" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch."),
            "param" if key in parameters else "buffer",
        )
        for key, tensor in module.state_dict().items()
    }
    assert ours == {row["name"]: (row["shape"], row["dtype_in_release"], row["kind"]) for row in rows}


@pytest.mark.parametrize(
    ("compression", "multipliers"),
    [((4, 8, 8), (2,)), ((2, 8, 8), (2, 4)), ((8, 8, 16), (2, 4, 4)), ((6, 8, 8), (2, 4))],
)
def test_compression_out_of_reach_is_refused(compression: tuple[int, int, int], multipliers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="out of reach"):
        CosmosConfig(modality="video", compression=compression, channel_multipliers=multipliers)


@pytest.mark.parametrize("name", VIDEO_NAMES)
def test_encoder_is_causal_to_the_bit(name: str) -> None:
    module = small_network(name)
    step = module.config.compression[0]
    clip = pixels_for(module.config, groups=2, width=2)
    latent = module.latent(clip)
    for frame in (0, 1, step, step + 1, 2 * step):
        changed = clip.clone()
        changed[:, :, frame] = -changed[:, :, frame]
        group = math.ceil(frame / step)
        other = module.latent(changed)
        assert torch.equal(other[:, :, :group], latent[:, :, :group])
        assert not torch.isclose(other[:, :, group:], latent[:, :, group:]).flatten(3).all(3).any()


@pytest.mark.parametrize("name", VIDEO_NAMES)
def test_decoder_is_causal_to_the_bit(name: str) -> None:
    module = small_network(name)
    step = module.config.compression[0]
    codes = torch.randn(1, module.config.token_channels, 4, 2, 3)
    clip = module.decode_codes(codes)
    for group in range(4):
        changed = codes.clone()
        changed[:, :, group] += 1
        first = (group - 1) * step + 1 if group else 0
        other = module.decode_codes(changed)
        assert torch.equal(other[:, :, :first], clip[:, :, :first])
        assert not torch.equal(other[:, :, first], clip[:, :, first])


@pytest.mark.parametrize("name", VIDEO_NAMES)
def test_beginning_of_a_clip_has_the_clips_first_latents(name: str) -> None:
    """With one group this is image mode: a single frame equals the first frame of its clip."""
    module = small_network(name)
    step = module.config.compression[0]
    clip = pixels_for(module.config, batch=2)
    latent = module.latent(clip)
    reconstruction = module.decode_codes(latent)
    assert latent.shape[2:] == (3, 2, 3)
    assert reconstruction.shape == clip.shape
    for groups in (1, 2):
        frames = 1 + (groups - 1) * step
        torch.testing.assert_close(module.latent(clip[:, :, :frames]), latent[:, :, :groups], rtol=0, atol=1e-5)
        beginning = module.decode_codes(latent[:, :, :groups])
        torch.testing.assert_close(beginning, reconstruction[:, :, :frames], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["cosmos-cv-8x16x16", "cosmos-ci-16x16"])
def test_members_of_a_batch_do_not_mix(name: str) -> None:
    module = small_network(name)
    pixels = pixels_for(module.config, groups=1, batch=3)
    alone = torch.cat([module(one[None]) for one in pixels])
    assert relative_error(module(pixels), alone) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_memory_format_of_the_input_changes_nothing(name: str) -> None:
    module = small_network(name)
    pixels = pixels_for(module.config, groups=1)
    layout = torch.channels_last_3d if module.config.is_video else torch.channels_last
    assert relative_error(module(pixels.contiguous(memory_format=layout)), module(pixels)) < 1e-5


@pytest.mark.parametrize("name", ["cosmos-cv-8x8x8", "cosmos-dv-8x16x16", "cosmos-ci-8x8", "cosmos-di-16x16"])
def test_network_trains(name: str) -> None:
    module = CosmosAutoencoder(small_config(name))
    pixels = pixels_for(module.config, groups=1)
    (module(pixels) - pixels).square().mean().backward()
    gradients = [parameter.grad for parameter in module.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_gradient_equals_finite_differences() -> None:
    torch.manual_seed(0)
    config = replace(small_config("cosmos-cv-8x8x8"), channels=2, encoder_blocks=1, decoder_blocks=1)
    module = CosmosAutoencoder(config).double()
    pixels = pixels_for(config, groups=1, height=1, width=1).double()
    weight = module.decoder.up[1].upsample.conv2.conv3d.weight

    def loss() -> torch.Tensor:
        return module(pixels).square().mean()

    loss().backward()
    direction = torch.randn_like(weight)
    expected = float((weight.grad * direction).sum())
    with torch.no_grad():
        weight.add_(direction, alpha=1e-6)
        after = loss()
        weight.sub_(direction, alpha=2e-6)
        before = loss()
    assert float(after - before) / 2e-6 == pytest.approx(expected, rel=1e-5)


def test_legacy_order_doubles_time_first() -> None:
    config = config_of("cosmos-cv-8x16x16")
    assert config.decoder_steps == [(False, False), (True, True), (False, True)]
    assert replace(config, legacy_upsampling=True).decoder_steps == [(False, False), (False, True), (True, True)]
