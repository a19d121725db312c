"""The Cosmos video network against golden vectors of the reference network, and its own properties.

Goldens: section 13 of the specification, PyTorch 2.13 on the CPU in float32. Tolerances are those that it recommends.
"""

import math
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokenbench import TokenBenchError, load_tokenizer
from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens
from tokenbench_cosmos.layers import (
    CausalConv3d,
    CausalDownSample3D,
    CausalResBlock3D,
    CausalUpSample3D,
    FrameNorm,
    SpatialAttention,
    TemporalAttention,
)
from tokenbench_cosmos.network import CosmosVideoAutoencoder, VideoConfig
from tokenbench_cosmos.tokenizer import CosmosVideoTokenizer
from tokenbench_cosmos.wavelet import InverseWavelet3D, Wavelet3D

NAME = "cosmos-cv-4x8x8"
VARIANTS = {
    "CV4x8x8": VideoConfig(compression=(4, 8, 8), channel_multipliers=(2, 4)),
    "CV8x8x8": VideoConfig(compression=(8, 8, 8)),
    "CV8x16x16": VideoConfig(compression=(8, 16, 16)),
}
PARAMETERS = {"CV4x8x8": 73_192_128, "CV8x8x8": 105_653_696, "CV8x16x16": 110_898_624}

FACTS = Path(__file__).parents[2].parent / "shared/facts"
needs_facts = pytest.mark.skipif(
    not (FACTS / "golden").is_dir(), reason=f"golden vectors are not part of the repository: no {FACTS / 'golden'}"
)


def small(variant: str) -> CosmosVideoAutoencoder:
    torch.manual_seed(0)
    return CosmosVideoAutoencoder(replace(VARIANTS[variant], channels=8)).eval().requires_grad_(False)


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(FACTS / f"golden/{name}.npz") as arrays:
        return dict(arrays)


def fill_by_formula(module: nn.Module) -> float:
    """Section 13.1: weights that depend on nothing but a parameter's name; gives the sum of their absolute values."""
    total = 0.0
    for name, parameter in module.named_parameters():
        uniform = np.random.RandomState(zlib.crc32(name.encode())).random_sample(parameter.numel())
        unit = ((2 * uniform - 1) * math.sqrt(3)).reshape(parameter.shape)
        if parameter.dim() >= 2:
            values = unit / math.sqrt(math.prod(parameter.shape[1:]))
        else:
            values = 0.05 * unit if name.endswith(".bias") else 1 + 0.1 * unit
        values = values.astype(np.float32)
        total += np.abs(values.astype(np.float64)).sum()
        parameter.data.copy_(torch.from_numpy(values))
    return total


@pytest.fixture(scope="module", params=["CV4x8x8", "CV8x8x8"])
def reference(request: pytest.FixtureRequest) -> tuple[CosmosVideoTokenizer, dict[str, np.ndarray]]:
    config = VARIANTS[request.param]
    module = CosmosVideoAutoencoder(config)
    expected = golden(request.param)
    assert fill_by_formula(module) == pytest.approx(float(expected["param_abs_sum"]), rel=1e-12)
    info = replace(find_card(NAME).info, name=request.param, compression=config.compression)
    return CosmosVideoTokenizer(info, module), expected


def video(tag: str) -> Tensor:
    pixels = golden("cosmos-inputs")[tag].astype(np.float64)
    return torch.from_numpy((2 * (pixels / 255) - 1).astype(np.float32))


@needs_facts
@pytest.mark.parametrize("tag", ["v17", "v9", "v1"])
def test_network_equals_reference(reference: tuple[CosmosVideoTokenizer, dict[str, np.ndarray]], tag: str) -> None:
    tokenizer, expected = reference
    latent = tokenizer.encode(video(tag)).data
    np.testing.assert_allclose(latent, expected[f"{tag}.latent"], rtol=0, atol=2e-5)
    recorded = Tokens(torch.from_numpy(expected[f"{tag}.latent"]), bits=None)
    for reconstruction in (tokenizer.decode(recorded), tokenizer.reconstruct(video(tag))):
        assert tuple(reconstruction.shape) == tuple(expected[f"{tag}.recon_shape"])
        if tag == "v17":
            np.testing.assert_allclose(reconstruction[..., ::3, ::3], expected["v17.recon_s3"], rtol=0, atol=2e-4)
        else:
            np.testing.assert_allclose(reconstruction, expected[f"{tag}.recon"], rtol=0, atol=2e-4)
        means = reconstruction.double().mean((3, 4))
        np.testing.assert_allclose(means, expected[f"{tag}.recon_mean"], rtol=0, atol=2e-5)


@needs_facts
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
def test_block_equals_reference(name: str, block: nn.Module, layout: torch.memory_format) -> None:
    units = golden("cosmos-units")
    prefix = f"{name}.param."
    stored = {key.removeprefix(prefix): torch.from_numpy(units[key]) for key in units if key.startswith(prefix)}
    block.load_state_dict(stored, strict=True)
    cases = [("x5", 1.0, 0.0, "y5"), ("x1", 1.0, 0.0, "y1"), ("x5", 1e-3, 0.5, "y5_small")]
    for given, scale, shift, wanted in cases:
        if f"{name}.{wanted}" in units:
            x = (torch.from_numpy(units[given]) * scale + shift).contiguous(memory_format=layout)
            with torch.no_grad():
                np.testing.assert_allclose(block(x), units[f"{name}.{wanted}"], rtol=0, atol=1e-5)


@needs_facts
@pytest.mark.parametrize(("patch", "tolerance"), [(2, 1e-5), (4, 2e-5)])
def test_wavelet_equals_reference(patch: int, tolerance: float) -> None:
    units = {
        key.removeprefix(f"patch3d_haar_{patch}."): torch.from_numpy(value)
        for key, value in golden("cosmos-units").items()
        if key.startswith(f"patch3d_haar_{patch}.")
    }
    bands = Wavelet3D(patch)(units["x"])
    torch.testing.assert_close(bands, units["y"], rtol=0, atol=tolerance)
    torch.testing.assert_close(InverseWavelet3D(patch)(bands), units["inv"], rtol=0, atol=tolerance)
    torch.testing.assert_close(InverseWavelet3D(patch)(units["bands"]), units["from_bands"], rtol=0, atol=tolerance)


@pytest.mark.parametrize("patch", [2, 4, 8])
def test_inverse_wavelet_undoes_the_wavelet(patch: int) -> None:
    clip = torch.rand(2, 3, 1 + 2 * patch, 2 * patch, 3 * patch) * 2 - 1
    bands = Wavelet3D(patch)(clip)
    assert bands.shape == (2, 3 * patch**3, 3, 2, 3)
    assert bands.abs().max() <= 1 + 1e-6
    torch.testing.assert_close(InverseWavelet3D(patch)(bands), clip, rtol=0, atol=1e-6)


def test_wavelet_worked_example() -> None:
    clip = torch.stack([torch.full((2, 2), 9.0), torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[5.0, 6], [7, 8]])])
    bands = Wavelet3D(2)(clip[None, None])[0, :, :, 0, 0]
    torch.testing.assert_close(bands[:, 0], torch.tensor([9.0, 0, 0, 0, 0, 0, 0, 0]))
    torch.testing.assert_close(bands[:, 1], torch.tensor([4.5, -0.5, -1.0, 0, -2.0, 0, 0, 0]))


def test_coarse_band_is_the_slower_channel() -> None:
    """Rows that alternate (fine H) over two-pixel columns (coarse W): all energy in 8 * W + H = 8 * 1 + 2."""
    rows = torch.tensor([1.0, -1, 1, -1])[:, None]
    columns = torch.tensor([1.0, 1, -1, -1])[None, :]
    bands = Wavelet3D(4)((rows * columns).expand(1, 1, 1, 4, 4)).flatten()
    torch.testing.assert_close(bands, torch.nn.functional.one_hot(torch.tensor(10), 64).float())


def test_loaded_wavelet_tap_is_used() -> None:
    clip = torch.rand(1, 3, 5, 8, 8)
    scale = 0.70703125 * math.sqrt(2)
    bands = Wavelet3D(4)(clip)
    released = Wavelet3D(4)
    released.wavelets.fill_(0.70703125)
    torch.testing.assert_close(released(clip), bands * scale**6)
    inverse = InverseWavelet3D(4)
    inverse.wavelets.fill_(0.70703125)
    torch.testing.assert_close(inverse(bands), clip * scale**6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameter_count_is_the_released_one(variant: str) -> None:
    with torch.device("meta"):
        module = CosmosVideoAutoencoder(VARIANTS[variant])
    assert sum(parameter.numel() for parameter in module.parameters()) == PARAMETERS[variant]


@needs_facts
@pytest.mark.parametrize("variant", VARIANTS)
def test_state_dict_has_the_released_names_and_shapes(variant: str) -> None:
    rows = [line.split("\t") for line in (FACTS / f"statedict/{variant}.tsv").read_text().splitlines()[1:]]
    released = {name: (shape, dtype if "int" in dtype else "float") for name, shape, dtype, *_ in rows}
    with torch.device("meta"):
        module = CosmosVideoAutoencoder(VARIANTS[variant])
    ours = {
        name: (
            "x".join(map(str, tensor.shape)),
            "float" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch."),
        )
        for name, tensor in module.state_dict().items()
    }
    assert ours == released
    parameters = {name for name, _ in module.named_parameters()}
    assert parameters == {name for name, _, _, kind, *_ in rows if kind == "param"}


@pytest.mark.parametrize(
    ("compression", "multipliers"),
    [((4, 8, 8), (2,)), ((2, 8, 8), (2, 4)), ((8, 8, 16), (2, 4, 4)), ((6, 8, 8), (2, 4))],
)
def test_compression_out_of_reach_is_refused(compression: tuple[int, int, int], multipliers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="out of reach"):
        VideoConfig(compression=compression, channel_multipliers=multipliers)


@pytest.mark.parametrize("variant", VARIANTS)
def test_encoder_is_causal_to_the_bit(variant: str) -> None:
    module = small(variant)
    step, size, _ = module.config.compression
    clip = torch.rand(1, 3, 1 + 2 * step, 2 * size, 2 * size) * 2 - 1
    latent = module.encode(clip)
    for frame in (0, 1, step, step + 1, 2 * step):
        changed = clip.clone()
        changed[:, :, frame] = -changed[:, :, frame]
        group = math.ceil(frame / step)
        other = module.encode(changed)
        assert torch.equal(other[:, :, :group], latent[:, :, :group])
        assert not torch.isclose(other[:, :, group:], latent[:, :, group:]).flatten(3).all(3).any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_decoder_is_causal_to_the_bit(variant: str) -> None:
    module = small(variant)
    step = module.config.compression[0]
    latent = torch.randn(1, 16, 4, 2, 3)
    clip = module.decode(latent)
    for group in range(4):
        changed = latent.clone()
        changed[:, :, group] += 1
        first = (group - 1) * step + 1 if group else 0
        other = module.decode(changed)
        assert torch.equal(other[:, :, :first], clip[:, :, :first])
        assert not torch.equal(other[:, :, first], clip[:, :, first])


@pytest.mark.parametrize("variant", VARIANTS)
def test_beginning_of_a_clip_has_the_clips_first_latents(variant: str) -> None:
    module = small(variant)
    step, size, _ = module.config.compression
    clip = torch.rand(2, 3, 1 + 2 * step, size, 2 * size) * 2 - 1
    latent = module.encode(clip)
    assert latent.shape == (2, 16, 3, 1, 2)
    reconstruction = module.decode(latent)
    assert reconstruction.shape == clip.shape
    for groups in (1, 2):
        frames = 1 + (groups - 1) * step
        torch.testing.assert_close(module.encode(clip[:, :, :frames]), latent[:, :, :groups], rtol=0, atol=1e-5)
        beginning = module.decode(latent[:, :, :groups])
        torch.testing.assert_close(beginning, reconstruction[:, :, :frames], rtol=0, atol=1e-4)


def test_clips_of_a_batch_do_not_mix() -> None:
    module = small("CV8x16x16")
    clips = torch.rand(3, 3, 9, 32, 16) * 2 - 1
    alone = torch.cat([module(clip[None]) for clip in clips])
    torch.testing.assert_close(module(clips), alone, rtol=0, atol=1e-5)


def test_network_trains() -> None:
    module = CosmosVideoAutoencoder(replace(VARIANTS["CV8x8x8"], channels=8))
    clip = torch.rand(1, 3, 9, 16, 16)
    (module(clip) - clip).square().mean().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.fixture(scope="module")
def random_tokenizer() -> CosmosVideoTokenizer:
    tokenizer = load_tokenizer(NAME, weights="random")
    assert isinstance(tokenizer, CosmosVideoTokenizer)
    return tokenizer


def test_card_describes_the_network(random_tokenizer: CosmosVideoTokenizer) -> None:
    card = find_card(NAME).info
    info = random_tokenizer.info
    assert info == replace(card, weights="random initialisation")
    assert sum(parameter.numel() for parameter in random_tokenizer.module.parameters()) == info.parameters
    clip = torch.zeros(2, 3, 9, 32, 48)
    tokens = random_tokenizer.encode(clip)
    assert tokens.data.shape == (2, 16, 3, 4, 6)
    assert tokens.bits == 16 * tokens.data.numel()
    assert info.bits_per_pixel == 1.0
    assert random_tokenizer.reconstruct(clip).shape == clip.shape


def test_listing_costs_no_torch() -> None:
    code = "import sys, tokenbench_cosmos.cards as c; sys.exit('torch' in sys.modules or not c.CARDS)"
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_random_weights_are_the_same_every_time_and_leave_the_generator_alone(
    random_tokenizer: CosmosVideoTokenizer,
) -> None:
    state = torch.get_rng_state()
    again = find_card(NAME).load(weights="random")
    assert torch.equal(torch.get_rng_state(), state)
    assert again.weights_sha256 is None  # type: ignore[attr-defined]
    clip = torch.rand(1, 3, 1, 16, 16)
    assert torch.equal(again.encode(clip).data, random_tokenizer.encode(clip).data)


def test_module_is_for_inference(random_tokenizer: CosmosVideoTokenizer) -> None:
    module = random_tokenizer.module
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_one_frame_is_a_video(random_tokenizer: CosmosVideoTokenizer) -> None:
    frame = torch.rand(1, 3, 1, 8, 8)
    assert random_tokenizer.encode(frame).data.shape == (1, 16, 1, 1, 1)
    assert random_tokenizer.reconstruct(frame).shape == frame.shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_dtype_is_honoured(random_tokenizer: CosmosVideoTokenizer, dtype: torch.dtype) -> None:
    card = find_card(NAME)
    tokenizer = replace(card, options={**card.options, "channels": 16}).load(weights="random", dtype=dtype)
    exact = replace(card, options={**card.options, "channels": 16}).load(weights="random")
    clip = torch.rand(1, 3, 5, 16, 16) * 2 - 1
    tokens = tokenizer.encode(clip)
    assert tokens.data.dtype == dtype
    assert tokenizer.decode(tokens).dtype == dtype
    assert {p.dtype for p in tokenizer.module.parameters()} == {dtype}  # type: ignore[attr-defined]
    error = (tokens.data - exact.encode(clip).data).abs().max()
    assert error <= (0.05 if dtype == torch.bfloat16 else 1e-5)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 3, 2, 16, 16), r"T = 2 is not 1 \+ a multiple of 4; pad T x H x W to 5 x 16 x 16"),
        ((1, 3, 8, 16, 16), r"T = 8 .* to 9 x 16 x 16"),
        ((1, 3, 1, 12, 16), r"H = 12 is not a multiple of 8; pad T x H x W to 1 x 16 x 16"),
        ((1, 3, 5, 16, 17), r"W = 17 is not a multiple of 8; .* 5 x 16 x 24"),
        ((1, 3, 3, 4, 9), r"T = 3 .*, H = 4 .*, W = 9 .* to 5 x 8 x 16"),
        ((1, 1, 5, 16, 16), r"takes B x 3 x T x H x W.* got 1 x 1 x 5 x 16 x 16"),
        ((1, 3, 16, 16), r"takes B x 3 x T x H x W.* got 1 x 3 x 16 x 16"),
        ((1, 3, 0, 16, 16), r"none of them zero, got 1 x 3 x 0 x 16 x 16"),
    ],
)
def test_invalid_sizes_are_refused(random_tokenizer: CosmosVideoTokenizer, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(TokenBenchError, match=said) as error:
        random_tokenizer.encode(torch.zeros(shape))
    assert str(error.value).startswith(NAME)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [torch.zeros(1, 6, 2, 2, 2), torch.zeros(1, 16, 2, 2), b"bytes"])
def test_foreign_latents_are_refused(random_tokenizer: CosmosVideoTokenizer, data: object) -> None:
    with pytest.raises(TokenBenchError, match="decodes latents B x 16 x t x h x w, got"):
        random_tokenizer.decode(Tokens(data, bits=None))
