"""The Cosmos networks against vectors of the reference networks: PyTorch 2.13 on the CPU in float32.

Tolerances are those of the specification's section 13, or tighter.
"""

import copy

import numpy as np
import pytest
import torch
from cosmos_support import (
    FACTS,
    FIRST_SERIES,
    config_of,
    fill_by_formula,
    golden,
    golden_pixels,
    needs_facts,
    relative_error,
    variant_of,
    weight_by_formula,
)
from torch import Tensor, nn

from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.causal import CausalConv3d, FrameNorm
from tokenbench_cosmos.layers2d import Attention, DownSample, Norm, ResBlock, UpSample
from tokenbench_cosmos.layers3d import (
    CausalDownSample3D,
    CausalResBlock3D,
    CausalUpSample3D,
    SpatialAttention,
    TemporalAttention,
)
from tokenbench_cosmos.tokenizer import CosmosTokenizer, CosmosVideoTokenizer

pytestmark = needs_facts

RECORDED = [name for name in FIRST_SERIES if (FACTS / f"golden/{variant_of(name)}.npz").is_file()]
Reference = tuple[CosmosTokenizer, dict[str, np.ndarray]]


@pytest.fixture(scope="module", params=RECORDED)
def reference(request: pytest.FixtureRequest) -> Reference:
    """A tokenizer of full width with the recorded weights, and what it shall give."""
    module = CosmosAutoencoder(config_of(request.param))
    expected = golden(variant_of(request.param))
    assert fill_by_formula(module) == pytest.approx(float(expected["param_abs_sum"]), rel=1e-12)
    made = CosmosVideoTokenizer if module.config.is_video else CosmosTokenizer
    return made(find_card(request.param).info, module), expected


def tags_of(expected: dict[str, np.ndarray]) -> list[str]:
    return sorted({key.split(".")[0] for key in expected if key.endswith(".recon_shape")})


def assert_reconstructs(given: Tensor, expected: dict[str, np.ndarray], tag: str) -> None:
    assert tuple(given.shape) == tuple(expected[f"{tag}.recon_shape"])
    recorded = expected.get(f"{tag}.recon")
    if recorded is None:
        recorded, given_part = expected[f"{tag}.recon_s3"], given[..., ::3, ::3]
    else:
        given_part = given
    assert relative_error(given_part, recorded) < 2e-5
    np.testing.assert_allclose(given_part, recorded, rtol=0, atol=2e-4)
    np.testing.assert_allclose(given.double().mean((-2, -1)), expected[f"{tag}.recon_mean"], rtol=0, atol=2e-5)


def test_tokens_equal_the_references(reference: Reference) -> None:
    tokenizer, expected = reference
    assert len(tags_of(expected)) >= 2
    for tag in tags_of(expected):
        pixels = golden_pixels(tag)
        latent = tokenizer.module.latent(pixels)
        np.testing.assert_allclose(
            latent, expected[f"{tag}.prequant" if tokenizer.info.vocabulary else f"{tag}.latent"], rtol=0, atol=2e-5
        )
        tokens = tokenizer.encode(pixels).data
        if tokenizer.info.vocabulary:
            assert tokens.dtype == torch.int32
            np.testing.assert_array_equal(tokens, expected[f"{tag}.indices"])
            np.testing.assert_array_equal(tokenizer.module.quantizer(latent), expected[f"{tag}.codes"])
        else:
            assert torch.equal(tokens, latent)


def test_reconstructions_equal_the_references(reference: Reference) -> None:
    tokenizer, expected = reference
    for tag in tags_of(expected):
        recorded = torch.from_numpy(expected[f"{tag}.indices" if tokenizer.info.vocabulary else f"{tag}.latent"])
        assert_reconstructs(tokenizer.decode(Tokens(recorded, bits=None)), expected, tag)
        assert_reconstructs(tokenizer.reconstruct(golden_pixels(tag)), expected, tag)


def test_gradient_path_reconstructs_the_same(reference: Reference) -> None:
    tokenizer, expected = reference
    tag = tags_of(expected)[0]
    assert_reconstructs(tokenizer.module(golden_pixels(tag)), expected, tag)


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("cconv_311", CausalConv3d(8, 8, (3, 1, 1))),
        ("cconv_133", CausalConv3d(8, 8, (1, 3, 3), padding=1)),
        ("down_st", CausalDownSample3D(8, time=True, space=True)),
        ("down_s", CausalDownSample3D(8, time=False, space=True)),
        ("up_st", CausalUpSample3D(8, time=True, space=True)),
        ("up_s", CausalUpSample3D(8, time=False, space=True)),
        ("res3d", CausalResBlock3D(8, 12)),
        ("attn_s", SpatialAttention(8)),
        ("attn_t", TemporalAttention(8)),
        ("norm3d", FrameNorm(8)),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=["plain", "channels_last"])
def test_video_block_equals_the_references(name: str, block: nn.Module, layout: torch.memory_format) -> None:
    units = golden("cosmos-units")
    prefix = f"{name}.param."
    stored = {key.removeprefix(prefix): torch.from_numpy(units[key]) for key in units if key.startswith(prefix)}
    block.load_state_dict(stored, strict=True)
    for given, wanted in (("x5", "y5"), ("x1", "y1")):
        x = torch.from_numpy(units[given]).contiguous(memory_format=layout)
        with torch.no_grad():
            np.testing.assert_allclose(block(x), units[f"{name}.{wanted}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("norm2d", Norm(32, 64)),
        ("down2d", DownSample(64)),
        ("up2d", UpSample(64)),
        ("res2d", ResBlock(64, 96, 32)),
        ("attn2d", Attention(64, 32)),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["plain", "channels_last"])
def test_image_block_equals_the_references(name: str, block: nn.Module, layout: torch.memory_format) -> None:
    units = golden("cosmos-units")
    fill_by_formula(block, f"unit.{name}.")
    for key in (key for key in units if key.startswith(f"{name}.param.")):
        parameter = block.get_parameter(key.removeprefix(f"{name}.param."))
        np.testing.assert_array_equal(parameter.detach(), units[key])
    with torch.no_grad():
        x = torch.from_numpy(units["xi"]).contiguous(memory_format=layout)
        np.testing.assert_allclose(block(x), units[f"{name}.y"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dense", [True, False], ids=["plain", "channels_last"])
@pytest.mark.parametrize(("name", "given", "norm"), [("norm3d", "x5", FrameNorm(8)), ("norm2d", "xi", Norm(32, 64))])
def test_norm_keeps_its_precision_where_the_mean_is_large(name: str, given: str, norm: nn.Module, dense: bool) -> None:
    """The recorded values carry 7e-5 of float32 rounding themselves, which float64 shows."""
    units = golden("cosmos-units")
    if name == "norm3d":
        stored = {f"norm.{part}": torch.from_numpy(units[f"norm3d.param.norm.{part}"]) for part in ("weight", "bias")}
        norm.load_state_dict(stored)
    x = torch.from_numpy(units[given]) * 1e-3 + 0.5
    layout = torch.channels_last_3d if x.dim() == 5 else torch.channels_last
    with torch.no_grad():
        exact = copy.deepcopy(norm).double()(x.double())
        result = norm(x if dense else x.contiguous(memory_format=layout))
    np.testing.assert_allclose(exact, units[f"{name}.y{'5' if name == 'norm3d' else ''}_small"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(result, exact, rtol=0, atol=5e-6)


def test_formula_of_the_weights_is_the_stated_one() -> None:
    values = weight_by_formula("encoder.conv_in.0.conv3d.weight", (128, 192, 1, 3, 3))
    np.testing.assert_allclose(values.flatten()[:3], [0.0412873849, 0.0402484797, 0.0168803930], rtol=1e-7)
    assert np.abs(values.astype(np.float64)).sum() == pytest.approx(4607.176425765, rel=1e-12)
