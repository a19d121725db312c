from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.tokens import ClipLatents, TokenCounts, decode, encode
from tokenbench.metrics.tokens.latents import IGNORED_BITS

LATENTS = np.random.default_rng(0).normal(size=(3, 8, 5, 6)).astype(np.float32)


def counted(*chunks: Any) -> TokenCounts:
    latents = ClipLatents(3)
    for chunk in chunks:
        latents.update(chunk)
    return latents.counts()


@settings(deadline=None, max_examples=20)
@given(cuts=st.sets(st.integers(0, 8)))
def test_chunks_give_the_same_bytes_as_the_whole_clip(cuts: set[int]) -> None:
    assert counted(*np.split(LATENTS, sorted(cuts), axis=1)).to_bytes() == counted(LATENTS).to_bytes()


def test_the_histogram_has_the_float16_values_of_every_channel() -> None:
    histogram = counted(LATENTS).histogram
    patterns = np.repeat(histogram.values & 0xFFFF, histogram.counts).astype(np.uint16)
    channels = np.repeat(histogram.values >> 16, histogram.counts)
    for channel, values in enumerate(LATENTS.astype(np.float16)):
        np.testing.assert_array_equal(np.sort(patterns[channels == channel].view(np.float16)), np.sort(values.ravel()))


def test_adaptive_bits_are_those_of_bytes_that_decode_to_the_stored_values() -> None:
    stored = LATENTS.astype(np.float16)
    patterns = stored.view(np.uint16).astype(np.int64).swapaxes(0, 1)
    written = encode(patterns, 16, IGNORED_BITS)
    again = decode(written, patterns.shape, 16, IGNORED_BITS).swapaxes(0, 1)
    np.testing.assert_array_equal(again.astype(np.uint16).view(np.float16), stored)
    assert counted(LATENTS).adaptive_bits == 8 * len(written)


def test_a_real_picture_is_below_16_bits_a_value(carphone: NDArray[np.uint8]) -> None:
    blocks = carphone.astype(np.float32).reshape(24, 36, 4, 44, 4, 3).mean((2, 4)) / 127.5 - 1
    counts = counted(np.moveaxis(blocks, -1, 0))
    assert counts.adaptive_bits < 10 * counts.histogram.total


def test_what_stands_still_is_not_paid_for_again() -> None:
    moving = np.random.default_rng(1).normal(size=(3, 8, 24, 24))
    still = np.repeat(moving[:, :1], 8, axis=1)
    assert counted(still).adaptive_bits < 0.4 * counted(moving).adaptive_bits


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_of_every_type_are_counted_as_float16(dtype: torch.dtype) -> None:
    latents = torch.from_numpy(LATENTS).to(dtype).requires_grad_()
    assert counted(latents).to_bytes() == counted(latents.detach().float().numpy()).to_bytes()


def test_kept_bytes_give_back_the_counts() -> None:
    counts = counted(LATENTS)
    again = TokenCounts.from_bytes(counts.to_bytes())
    assert (again.kind, again.size, again.adaptive_bits) == ("continuous", 3, counts.adaptive_bits)
    np.testing.assert_array_equal(again.histogram.values, counts.histogram.values)
    np.testing.assert_array_equal(again.histogram.counts, counts.histogram.counts)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_and_change_nothing(wrong: float) -> None:
    latents = ClipLatents(3)
    latents.update(LATENTS)
    with pytest.raises(ClipError, match="NaN or infinite"):
        latents.update(np.where(LATENTS > 2, np.float32(wrong), LATENTS))
    assert latents.counts().to_bytes() == counted(LATENTS).to_bytes()


def test_values_beyond_float16_have_no_counts() -> None:
    counted(np.full((3, 1, 2, 2), 65_504.0))
    with pytest.raises(NotApplicable, match="latents reach 65520, more than float16 can hold"):
        counted(np.full((3, 1, 2, 2), -65_520.0))


def test_a_change_of_size_is_refused() -> None:
    with pytest.raises(ClipError, match=r"one size: got \(5, 5\) after \(5, 6\)"):
        counted(LATENTS, LATENTS[..., 1:])


@pytest.mark.parametrize("latents", [LATENTS.astype(np.int64), LATENTS[0], LATENTS[:2], LATENTS[None]])
def test_other_types_and_layouts_are_refused(latents: NDArray[Any]) -> None:
    with pytest.raises(TokenBenchError, match="real numbers 3 x t x h x w"):
        counted(latents)


def test_no_channels_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="at least one channel"):
        ClipLatents(0)


def test_a_clip_without_latents_has_no_counts() -> None:
    with pytest.raises(ClipError, match="no latents to count"):
        counted(LATENTS[:, :0])
