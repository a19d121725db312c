from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tokenbench import load_tokenizer
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.metrics import psnr

Frames = NDArray[np.uint8]


def test_haar_keeps_constant_colour_exactly_and_counts_its_coefficients() -> None:
    tokenizer = load_tokenizer("haar-4x8x8")
    video = torch.tensor([-0.5, 0.25, 1.0]).view(1, 3, 1, 1, 1).expand(2, 3, 9, 16, 24)
    tokens = tokenizer.encode(video)
    assert tokens.data.shape == (2, 16, 3, 2, 3)
    assert tokens.bits == 2 * 16 * 3 * 2 * 3 * 16
    assert (tokenizer.decode(tokens) - video).abs().max() < 2e-3


def test_haar_is_a_projection(carphone: Frames) -> None:
    tokenizer = load_tokenizer("haar-8x8")
    images = to_float(carphone[:2])[0].transpose(0, 1)
    once = tokenizer.reconstruct(images)
    assert (tokenizer.reconstruct(once) - once).abs().max() < 5e-3
    assert (once - images).abs().max() > 0.1


def test_haar_is_causal(carphone: Frames) -> None:
    tokenizer = load_tokenizer("haar-4x8x8")
    video = to_float(carphone[:13, :64, :64])
    changed = video.clone()
    changed[:, :, 9:] = 0
    before, after = tokenizer.encode(video).data, tokenizer.encode(changed).data
    assert torch.equal(before[:, :, :3], after[:, :, :3])
    assert not torch.equal(before[:, :, 3], after[:, :, 3])


@pytest.mark.parametrize("name", ["h264-crf23", "h265-crf28", "av1-crf35"])
def test_codec_tokens_are_the_bytes_written(name: str, carphone: Frames) -> None:
    tokenizer = load_tokenizer(name)
    video = to_float(carphone[:9])
    tokens = tokenizer.encode(torch.cat([video, video]))
    written = [sum(map(len, clip.packets)) for clip in tokens.data]
    assert tokens.bits == 8 * sum(written)
    assert written[0] == written[1], "the same clip gives the same bytes"
    decoded = tokenizer.decode(tokens)
    assert decoded.shape == (2, 3, 9, 144, 176)
    assert psnr(carphone[:9], to_uint8(decoded[:1])) > 30
    assert tokens.bits / (2 * 9 * 144 * 176) < 1.5


def test_jpeg_counts_whole_files(carphone: Frames) -> None:
    tokenizer = load_tokenizer("jpeg-q75")
    tokens = tokenizer.encode(to_float(carphone[:3])[0].transpose(0, 1))
    assert [file[:2] + file[-2:] for file in tokens.data] == [b"\xff\xd8\xff\xd9"] * 3
    assert tokens.bits == 8 * sum(map(len, tokens.data))
