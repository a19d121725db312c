"""The Cosmos tokenizers as the harness sees them."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from cosmos_support import NAMES, pixels_for, relative_error, small_card, small_config

from tokenbench import TokenBenchError, load_tokenizer
from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens
from tokenbench_cosmos.tokenizer import CosmosTokenizer, CosmosVideoTokenizer

VIDEO, IMAGE, CODES = "cosmos-cv-4x8x8", "cosmos-ci-8x8", "cosmos-dv-8x8x8"


def made(name: str, dtype: torch.dtype = torch.float32) -> CosmosTokenizer:
    tokenizer = small_card(name).load(weights="random", dtype=dtype)
    assert isinstance(tokenizer, CosmosTokenizer)
    return tokenizer


def test_the_released_names_are_registered() -> None:
    assert set(NAMES) == {
        *(f"cosmos-{kind}i-{size}" for kind in "cd" for size in ("8x8", "16x16")),
        *(f"cosmos-{kind}v-{size}" for kind in "cd" for size in ("4x8x8", "8x8x8", "8x16x16")),
        "cosmos1-cv-8x8x8",
        "cosmos1-dv-8x16x16",
        *(f"cosmos-tokenize1-{kind}i-{size}-360p" for kind in "cd" for size in ("8x8", "16x16")),
        *(f"cosmos-tokenize1-{kind}v-4x8x8-360p" for kind in "cd"),
    }


def test_listing_costs_no_torch() -> None:
    code = "import sys, tokenbench_cosmos.cards as c; sys.exit('torch' in sys.modules or not c.CARDS)"
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", NAMES)
def test_tokens_and_reconstructions_are_as_the_card_says(name: str) -> None:
    tokenizer = made(name)
    info = tokenizer.info
    pixels = pixels_for(tokenizer.module.config, batch=2)
    tokens = tokenizer.encode(pixels)
    grid = ([3] if info.modality == "video" else []) + [2, 3]
    assert tokens.bits == pytest.approx(2 * info.bits_per_pixel * torch.tensor([*grid, *info.compression]).prod())
    if info.vocabulary:
        assert tokens.data.shape == (2, *grid)
        assert tokens.data.dtype == torch.int32
        assert 0 <= tokens.data.min() <= tokens.data.max() < info.vocabulary == 64_000
    else:
        assert tokens.data.shape == (2, info.latent_channels, *grid)
    assert tokenizer.decode(tokens).shape == pixels.shape
    assert isinstance(tokenizer, CosmosVideoTokenizer) == hasattr(tokenizer, "stream") == (info.modality == "video")
    assert not tokenizer.module.training
    assert not any(parameter.requires_grad for parameter in tokenizer.module.parameters())


def test_random_weights_are_the_same_every_time_and_said_to_be_random() -> None:
    state = torch.get_rng_state()
    first, again = made(VIDEO), made(VIDEO)
    assert torch.equal(torch.get_rng_state(), state)
    clip = pixels_for(first.module.config)
    assert torch.equal(again.encode(clip).data, first.encode(clip).data)
    assert first.weights_sha256 is None
    assert first.info == replace(find_card(VIDEO).info, weights="random initialisation")
    assert first.provenance == {
        "weights": {"source": "random initialisation"},
        "settings": {"groups": 1, "wavelet": "0.70710677 (as built)"},
    }


def test_network_can_be_filled_by_hand() -> None:
    source, target = made(CODES), made(CODES)
    for parameter in source.module.parameters():
        parameter.data.mul_(1.1)
    clip = pixels_for(source.module.config)
    target.encode(clip)
    target.module.load_state_dict(source.module.state_dict(), strict=True)
    assert torch.equal(target.encode(clip).data, source.encode(clip).data)


@pytest.mark.parametrize("name", [VIDEO, IMAGE, CODES])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_dtype_is_honoured(name: str, dtype: torch.dtype) -> None:
    tokenizer, exact = made(name, dtype), made(name)
    pixels = pixels_for(exact.module.config, groups=1)
    tokens = exact.encode(pixels)
    video = tokenizer.decode(tokens)
    assert video.dtype == dtype
    assert {p.dtype for p in tokenizer.module.parameters()} == {dtype}
    if not tokenizer.info.vocabulary:
        assert tokenizer.encode(pixels).data.dtype == dtype
    assert relative_error(video, exact.decode(tokens)) < (0.05 if dtype == torch.bfloat16 else 1e-5)


def test_full_network_loads_by_name() -> None:
    tokenizer = load_tokenizer(VIDEO, weights="random")
    assert isinstance(tokenizer, CosmosVideoTokenizer)
    assert sum(parameter.numel() for parameter in tokenizer.module.parameters()) == tokenizer.info.parameters
    frame = torch.rand(1, 3, 1, 8, 8)
    assert tokenizer.reconstruct(frame).shape == frame.shape


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        (VIDEO, (1, 3, 2, 16, 16), r"T = 2 is not 1 \+ a multiple of 4; pad T x H x W to 5 x 16 x 16"),
        (VIDEO, (1, 3, 8, 16, 16), r"T = 8 .* to 9 x 16 x 16"),
        (VIDEO, (1, 3, 1, 12, 16), r"H = 12 is not a multiple of 8; pad T x H x W to 1 x 16 x 16"),
        (VIDEO, (1, 3, 5, 16, 17), r"W = 17 is not a multiple of 8; .* 5 x 16 x 24"),
        (VIDEO, (1, 3, 3, 4, 9), r"T = 3 .*, H = 4 .*, W = 9 .* to 5 x 8 x 16"),
        (VIDEO, (1, 1, 5, 16, 16), r"takes B x 3 x T x H x W.* got 1 x 1 x 5 x 16 x 16"),
        (VIDEO, (1, 3, 16, 16), r"takes B x 3 x T x H x W.* got 1 x 3 x 16 x 16"),
        (VIDEO, (1, 3, 0, 16, 16), r"none of them zero, got 1 x 3 x 0 x 16 x 16"),
        (CODES, (1, 3, 72, 16, 16), r"T = 72 is not 1 \+ a multiple of 8; pad T x H x W to 73 x 16 x 16"),
        (IMAGE, (1, 3, 17, 16), r"H = 17 is not a multiple of 8; pad H x W to 24 x 16"),
        (IMAGE, (1, 3, 1, 16, 16), r"takes B x 3 x H x W.* got 1 x 3 x 1 x 16 x 16"),
    ],
)
def test_sizes_that_would_silently_come_out_wrong_are_refused(name: str, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(TokenBenchError, match=said) as error:
        made(name).encode(torch.zeros(shape))
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (VIDEO, torch.zeros(1, 6, 2, 2, 2), "decodes latents B x 16 x t x h x w, got 1 x 6 x 2 x 2 x 2"),
        (VIDEO, torch.zeros(1, 16, 2, 2), "decodes latents B x 16 x t x h x w, got"),
        (VIDEO, b"bytes", "decodes latents B x 16 x t x h x w, got a bytes"),
        (IMAGE, torch.zeros(1, 16, 1, 2, 2), "decodes latents B x 16 x h x w, got"),
        (CODES, torch.zeros(1, 2, 2, 2), "decodes whole numbers B x t x h x w, got"),
        (CODES, torch.full((1, 2, 2, 2), 64_000), "decodes indices 0 to 63999, got 64000 to 64000"),
        (CODES, torch.full((1, 2, 2, 2), -1), "decodes indices 0 to 63999, got -1 to -1"),
    ],
)
def test_foreign_tokens_are_refused(name: str, data: object, said: str) -> None:
    with pytest.raises(TokenBenchError, match=said):
        made(name).decode(Tokens(data, bits=None))


def test_indices_decode_from_any_whole_type() -> None:
    tokenizer = made(CODES)
    tokens = tokenizer.encode(pixels_for(tokenizer.module.config)).data
    expected = tokenizer.decode(Tokens(tokens, None))
    for dtype in (torch.int64, torch.uint16):
        assert torch.equal(tokenizer.decode(Tokens(tokens.to(dtype), None)), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_gpu_gives_what_the_cpu_gives(name: str) -> None:
    torch.backends.cudnn.allow_tf32 = False
    card = replace(find_card(name), options={"config": small_config(name)})
    on_cpu, on_gpu = (card.load(weights="random", device=device) for device in ("cpu", "cuda"))
    assert isinstance(on_cpu, CosmosTokenizer)
    pixels = pixels_for(on_cpu.module.config)
    tokens = on_cpu.encode(pixels)
    if not on_cpu.info.vocabulary:
        assert relative_error(on_gpu.encode(pixels).data.cpu(), tokens.data) < 1e-4
    assert relative_error(on_gpu.decode(tokens).cpu(), on_cpu.decode(tokens)) < 1e-4
