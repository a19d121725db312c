"""The discrete networks under the tokenizer contract."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from vq_support import NAMES, noise, small_card, small_tokenizer

from tokenbench import TokenBenchError
from tokenbench.errors import ClipError
from tokenbench.evaluation.windows import Compute, Output, WindowedStream
from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float
from tokenbench.tokenizer import Tokens
from tokenbench_baselines.vq.tokenizer import VQTokenizer


def pixels(tokenizer: VQTokenizer, batch: int = 1, seed: int = 0) -> Tensor:
    time, height, width = tokenizer.info.compression
    frames = (1 + time,) if tokenizer.info.modality == "video" else ()
    return noise(batch, 3, *frames, 2 * height, 3 * width, seed=seed)


@pytest.fixture(scope="module")
def photograph(mini: dict[str, Clip]) -> NDArray[np.uint8]:
    return next(mini["chelsea"].chunks(1))[:, 100:181, 100:202]


@pytest.mark.parametrize("name", NAMES)
def test_images_become_codes_and_codes_alone_become_images(name: str) -> None:
    tokenizer = small_tokenizer(name)
    video = pixels(tokenizer, batch=2)
    tokens = tokenizer.encode(video)
    grid = (2, 2, 3) if tokenizer.info.modality == "video" else (2, 3)
    assert tokens.data.shape == (2, *grid)
    assert tokens.data.dtype == torch.int32
    assert 0 <= tokens.data.min() <= tokens.data.max() < (tokenizer.info.vocabulary or 0)
    assert tokens.bits == 2 * math.prod(grid) * 6
    decoded = tokenizer.decode(Tokens(tokens.data.long(), None))
    assert decoded.shape == video.shape
    assert torch.equal(decoded, tokenizer.decode(tokens))
    assert torch.equal(decoded, tokenizer.reconstruct(video))
    assert not torch.equal(tokenizer.decode(Tokens(63 - tokens.data, None)), decoded)


@pytest.mark.parametrize("name", ["llamagen-8x8", "open-magvit2-16x16", "open-magvit2-video-4x8x8", "ibq-8192"])
def test_a_batch_is_its_images_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = small_tokenizer(name)
    video = torch.cat([pixels(tokenizer, seed=seed) for seed in range(3)])
    tokens = tokenizer.encode(video)
    alone = [tokenizer.encode(part).data for part in video.split(1)]
    assert torch.equal(torch.cat(alone), tokens.data)
    assert len(tokens.data.unique()) > 1
    together = tokenizer.decode(tokens)
    monkeypatch.setattr("tokenbench_baselines.vq.tokenizer._PIXELS_AT_ONCE", 1)
    assert torch.equal(tokenizer.encode(video).data, tokens.data)
    torch.testing.assert_close(tokenizer.decode(tokens), together, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["llamagen-16x16", "open-magvit2-8x8", "vqgan-f8-256"])
def test_a_photograph_of_odd_size_comes_back_in_its_size(name: str, photograph: NDArray[np.uint8]) -> None:
    tokenizer = small_tokenizer(name)
    seen: list[Tensor] = []
    compute = Compute(torch.device("cpu"), torch.float32)
    stream = WindowedStream(tokenizer, compute, tokenizer.info.window, Output(), seen.append)
    frames = np.concatenate([stream.push(photograph), stream.flush()])
    assert frames.shape == photograph.shape
    assert frames.dtype == np.uint8
    _, height, width = tokenizer.info.compression
    step = tokenizer.info.padding.size[0] // height
    assert seen[0].shape == (1, *(-(-size // (side * step)) * step for size, side in ((81, height), (102, width))))
    assert len(seen[0].unique()) > 3
    assert stream.bits == 6 * seen[0].numel()


def test_codes_of_a_photograph_depend_on_it(photograph: NDArray[np.uint8]) -> None:
    tokenizer = small_tokenizer("vqgan-f16-16384")
    image = to_float(photograph[:, :80, :96])[:, :, 0]
    codes = tokenizer.encode(image).data
    assert torch.equal(tokenizer.encode(image).data, codes)
    assert not torch.equal(tokenizer.encode(image.flip(-1)).data, codes)
    assert not torch.equal(tokenizer.encode(image.flip(1)).data, codes)


@pytest.mark.parametrize("name", ["llamagen-8x8", "open-magvit2-8x8", "ibq-1024"])
def test_bfloat16_runs_and_stays_near(name: str) -> None:
    exact = small_tokenizer(name)
    rounded = VQTokenizer(small_card(name).info, small_tokenizer(name).module.bfloat16())
    tokens = exact.encode(pixels(exact))
    frames = rounded.decode(tokens)
    assert frames.dtype == torch.bfloat16
    error = (frames.float() - exact.decode(tokens)).norm() / exact.decode(tokens).norm()
    assert 0 < error < 0.1
    assert rounded.encode(pixels(exact)).data.dtype == torch.int32


@pytest.mark.parametrize(
    ("name", "shape", "kind", "said"),
    [
        ("llamagen-16x16", (1, 3, 32, 40), ClipError, r"W = 40 is not a multiple of 16; pad it to 48"),
        ("llamagen-8x8", (1, 3, 12, 16), ClipError, r"H = 12 is not a multiple of 8; pad it to 16"),
        ("llamagen-8x8", (3, 16, 16), TokenBenchError, r"takes B x 3 x H x W, .* got 3 x 16 x 16"),
        ("llamagen-8x8", (1, 3, 5, 16, 16), TokenBenchError, r"takes B x 3 x H x W"),
        ("open-magvit2-video-4x8x8", (1, 3, 4, 16, 16), ClipError, r"T = 4 is not 1 \+ a multiple of 4; pad it to 5"),
        ("open-magvit2-video-4x8x8", (1, 3, 16, 16), TokenBenchError, r"takes B x 3 x T x H x W"),
        ("open-magvit2-16x16", (1, 3, 16, 16), ClipError, r"needs more than one token"),
    ],
)
def test_sizes_that_it_cannot_take_are_refused(
    name: str, shape: tuple[int, ...], kind: type[TokenBenchError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        small_tokenizer(name).encode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (torch.full((1, 2, 2), 64), "codes 0 to 63, got 64 to 64"),
        (torch.full((1, 2, 2), -1), "codes 0 to 63, got -1 to -1"),
        (torch.zeros(1, 2, 2), "whole numbers B x h x w, got 1 x 2 x 2"),
        (torch.zeros(1, 1, 2, 2, dtype=torch.int32), "whole numbers B x h x w"),
        (b"bytes", "got bytes"),
    ],
)
def test_foreign_codes_are_refused(codes: object, said: str) -> None:
    with pytest.raises(TokenBenchError, match=said):
        small_tokenizer("llamagen-8x8").decode(Tokens(codes, None))


def test_one_image_of_one_token_is_enough_for_a_codebook() -> None:
    tokenizer = small_tokenizer("llamagen-8x8")
    assert tokenizer.reconstruct(noise(1, 3, 8, 8)).shape == (1, 3, 8, 8)
