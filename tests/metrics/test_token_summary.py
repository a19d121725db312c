from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import entropy, kurtosis

from tokenbench.errors import TokenBenchError
from tokenbench.metrics.tokens import ClipCodes, ClipLatents, TokenCounts, TokenSummary

RANDOM = np.random.default_rng(0)
CODES = [RANDOM.integers(0, 100, (2, 4, 5 + clip)) ** 2 // 100 for clip in range(4)]
SCALES = np.array([2.0, 0.5, 0.19, 0.21]).reshape(4, 1, 1, 1)
LATENTS = [RANDOM.laplace(size=(4, 3, 20, 20 + clip)) * SCALES + 10 for clip in range(4)]
PIXELS = [1000, 200, 3000, 77]


def codes_of(codes: NDArray[np.int64], vocabulary: int = 100) -> TokenCounts:
    clip = ClipCodes(vocabulary)
    clip.update(codes)
    return clip.counts()


def latents_of(latents: NDArray[np.float64]) -> TokenCounts:
    clip = ClipLatents(len(latents))
    clip.update(latents)
    return clip.counts()


def summed(clips: Sequence[TokenCounts], pixels: Sequence[int] = PIXELS) -> dict[str, Any]:
    summary = TokenSummary()
    for clip, count in zip(clips, pixels, strict=True):
        summary.add(clip, count)
    return json.loads(json.dumps(summary.as_dict(), allow_nan=False))


def test_codes_are_summed_up_over_the_set() -> None:
    clips = [codes_of(codes) for codes in CODES]
    result = summed(clips)
    everything = np.concatenate([codes.ravel() for codes in CODES])
    frequencies = np.bincount(everything)
    bits = entropy(frequencies, base=2)
    assert (result["kind"], result["vocabulary"], result["positions"]) == ("discrete", 100, everything.size)
    assert result["used"] == np.count_nonzero(frequencies) == result["usage"] * 100
    assert result["entropy_bits"] == pytest.approx(bits, rel=1e-12)
    assert result["perplexity"] == pytest.approx(math.exp(entropy(frequencies)), rel=1e-12)
    assert result["bits_per_pixel"] == pytest.approx(
        {
            "nominal": everything.size * math.log2(100) / sum(PIXELS),
            "order0": everything.size * bits / sum(PIXELS),
            "adaptive": sum(clip.adaptive_bits for clip in clips) / sum(PIXELS),
        },
        rel=1e-12,
    )


def test_latents_are_summed_up_over_the_set() -> None:
    clips = [latents_of(latents) for latents in LATENTS]
    result = summed(clips)
    stored = [np.concatenate([clip[c].astype(np.float16).ravel() for clip in LATENTS]) for c in range(4)]
    for channel, values in zip(result["channels"], stored, strict=True):
        exact = values.astype(np.float64)
        expected = {"mean": exact.mean(), "std": exact.std(), "kurtosis": kurtosis(exact)}
        assert channel == pytest.approx(expected, rel=1e-9)
    # Variances of 0.19 and 0.21 times that of a channel of 2 lie on either side of one percent.
    assert (result["kind"], result["active"], result["values"]) == ("continuous", 3, sum(x.size for x in LATENTS))
    order0 = sum(x.size * entropy(np.unique(x, return_counts=True)[1], base=2) for x in stored)
    assert result["bits_per_pixel"] == pytest.approx(
        {
            "float16": 16 * sum(x.size for x in LATENTS) / sum(PIXELS),
            "order0": order0 / sum(PIXELS),
            "adaptive": sum(clip.adaptive_bits for clip in clips) / sum(PIXELS),
        },
        rel=1e-12,
    )


@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(4)), kind=st.sampled_from(["discrete", "continuous"]))
def test_any_order_gives_the_same_bits(order: list[int], kind: str) -> None:
    clips = [codes_of(codes) for codes in CODES] if kind == "discrete" else [latents_of(x) for x in LATENTS]
    assert summed([clips[i] for i in order], [PIXELS[i] for i in order]) == summed(clips)


def test_clips_that_were_kept_as_bytes_count_the_same() -> None:
    clips = [latents_of(latents) for latents in LATENTS]
    assert summed([TokenCounts.from_bytes(clip.to_bytes()) for clip in clips]) == summed(clips)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_perplexity_lies_between_one_and_the_codes_used(codes: list[int]) -> None:
    result = summed([codes_of(np.array(codes).reshape(1, 1, -1), 7)], [10])
    assert 1 <= result["perplexity"] <= result["used"] * (1 + 1e-12)
    assert result["usage"] <= 1
    assert result["bits_per_pixel"]["order0"] <= result["bits_per_pixel"]["nominal"] * (1 + 1e-12)


def test_all_codes_equally_often_fill_the_vocabulary() -> None:
    result = summed([codes_of(np.arange(64).reshape(4, 4, 4), 64)], [64])
    assert (result["usage"], result["perplexity"]) == (1, 64)
    assert result["bits_per_pixel"]["order0"] == result["bits_per_pixel"]["nominal"] == 6


def test_constant_channels_are_not_active_and_have_no_kurtosis() -> None:
    latents = np.stack([np.full((1, 4, 4), 0.1), np.zeros((1, 4, 4))])
    result = summed([latents_of(latents)], [16])
    assert result["active"] == 0
    assert [(c["std"], c["kurtosis"]) for c in result["channels"]] == [(0, None)] * 2
    assert result["bits_per_pixel"]["order0"] == 0


def test_the_definition_says_what_each_rate_is() -> None:
    for clips in ([codes_of(CODES[0])], [latents_of(LATENTS[0])]):
        result = summed(clips, PIXELS[:1])
        assert all(f"{name}: " in result["definition"] for name in result["bits_per_pixel"])


def test_tokens_of_another_tokenizer_are_refused() -> None:
    summary = TokenSummary()
    summary.add(codes_of(CODES[0]), 100)
    for other in (codes_of(CODES[0], 101), latents_of(LATENTS[0])):
        with pytest.raises(TokenBenchError, match="add clips of one tokenizer only"):
            summary.add(other, 100)


def test_a_clip_without_pixels_and_a_set_without_clips_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="at least one pixel"):
        TokenSummary().add(codes_of(CODES[0]), 0)
    with pytest.raises(TokenBenchError, match="no tokens to sum up"):
        TokenSummary().as_dict()
