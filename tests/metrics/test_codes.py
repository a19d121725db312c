from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics.tokens import ClipCodes, TokenCounts, encode

VOCABULARY = 1000
CODES = np.random.default_rng(0).integers(0, VOCABULARY, (9, 6, 7)) // np.arange(1, 8)


def counted(*chunks: Any, vocabulary: int = VOCABULARY) -> TokenCounts:
    codes = ClipCodes(vocabulary)
    for chunk in chunks:
        codes.update(chunk)
    return codes.counts()


@settings(deadline=None, max_examples=20)
@given(cuts=st.sets(st.integers(0, 9)))
def test_chunks_give_the_same_bytes_as_the_whole_clip(cuts: set[int]) -> None:
    assert counted(*np.split(CODES, sorted(cuts))).to_bytes() == counted(CODES).to_bytes()


def test_every_code_is_counted() -> None:
    histogram = counted(CODES[:4], CODES[4:]).histogram
    expected = np.bincount(CODES.ravel())
    np.testing.assert_array_equal(histogram.values, np.flatnonzero(expected))
    np.testing.assert_array_equal(histogram.counts, expected[expected > 0])
    assert histogram.total == CODES.size


def test_adaptive_bits_are_those_of_bytes_that_decode() -> None:
    assert counted(CODES[:2], CODES[2:]).adaptive_bits == 8 * len(encode(CODES[:, None], 10))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint16, torch.int32, torch.int64])
def test_every_type_of_whole_numbers_counts_the_same(kind: Any) -> None:
    codes = CODES % 200
    given: Any = codes.astype(kind) if isinstance(kind, type) else torch.from_numpy(codes).to(kind)
    assert counted(given).to_bytes() == counted(codes).to_bytes()


def test_kept_bytes_give_back_the_counts() -> None:
    counts = counted(CODES)
    again = TokenCounts.from_bytes(counts.to_bytes())
    assert (again.kind, again.size, again.adaptive_bits) == ("discrete", VOCABULARY, counts.adaptive_bits)
    np.testing.assert_array_equal(again.histogram.values, counts.histogram.values)
    np.testing.assert_array_equal(again.histogram.counts, counts.histogram.counts)


def test_kept_bytes_are_fewer_than_the_codes_of_a_clip_that_repeats_itself() -> None:
    codes = np.tile(CODES, (1, 10, 10))
    assert len(counted(codes).to_bytes()) < codes.size * 10 / 8 / 10


@given(data=st.binary(max_size=80) | st.integers(0, 200).map(lambda cut: counted(CODES[:1]).to_bytes()[:-1][:cut]))
@settings(deadline=None, max_examples=40)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(TokenBenchError, match=r"token counts are damaged.* measure the clip again"):
        TokenCounts.from_bytes(data)


def test_bytes_with_impossible_codes_are_refused() -> None:
    counts = counted(CODES)
    forged = TokenCounts("discrete", int(CODES.max()), counts.histogram, counts.adaptive_bits)
    with pytest.raises(TokenBenchError, match="impossible numbers"):
        TokenCounts.from_bytes(forged.to_bytes())


@pytest.mark.parametrize("wrong", [-1, VOCABULARY])
def test_codes_outside_the_vocabulary_are_refused_and_change_nothing(wrong: int) -> None:
    codes = ClipCodes(VOCABULARY)
    codes.update(CODES)
    with pytest.raises(ClipError, match=f"not in a vocabulary of {VOCABULARY}"):
        codes.update(np.full((1, 6, 7), wrong))
    assert codes.counts().to_bytes() == counted(CODES).to_bytes()


def test_a_change_of_size_is_refused() -> None:
    with pytest.raises(ClipError, match=r"one size: got \(6, 6\) after \(6, 7\)"):
        counted(CODES, CODES[:, :, 1:])


@pytest.mark.parametrize("codes", [CODES.astype(np.float32), CODES[0], CODES[None], CODES > 3])
def test_other_types_and_layouts_are_refused(codes: NDArray[Any]) -> None:
    with pytest.raises(TokenBenchError, match="whole numbers t x h x w"):
        counted(codes)


@pytest.mark.parametrize("vocabulary", [0, -3, 2**49])
def test_an_impossible_vocabulary_is_refused(vocabulary: int) -> None:
    with pytest.raises(TokenBenchError, match="between 1 and"):
        ClipCodes(vocabulary)


def test_a_vocabulary_of_one_costs_nothing_and_a_vast_one_works() -> None:
    assert counted(np.zeros((2, 3, 3), int), vocabulary=1).adaptive_bits == 0
    assert counted(CODES << 36, vocabulary=1 << 46).histogram.total == CODES.size


def test_a_clip_without_codes_has_no_counts() -> None:
    with pytest.raises(ClipError, match="no codes to count"):
        counted(np.zeros((0, 6, 7), int))
