from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.stats import entropy

from tokenbench.errors import TokenBenchError
from tokenbench.metrics.tokens import decode, encode

Numbers = NDArray[np.int64]


def bits_each(numbers: Numbers, bits: int) -> float:
    return 8 * len(encode(numbers, bits)) / numbers.size


def order0(numbers: Numbers) -> float:
    return float(entropy(np.unique(numbers, return_counts=True)[1], base=2))


def mosaic(frames: NDArray[np.uint8]) -> Numbers:
    """Codes of 4 x 4 blocks, T x 1 x h x w: four levels each of red, green and blue."""
    count, height, width, _ = frames.shape
    blocks = frames.reshape(count, height // 4, 4, width // 4, 4, 3).mean((2, 4)).astype(np.int64) // 64
    return (blocks @ (16, 4, 1))[:, None]


@settings(deadline=None, max_examples=40)
@given(data=st.data(), bits=st.integers(1, 40), ignored=st.integers(0, 9))
def test_bytes_decode_to_the_numbers(data: st.DataObject, bits: int, ignored: int) -> None:
    shapes = array_shapes(min_dims=4, max_dims=4, min_side=0, max_side=4)
    numbers = data.draw(arrays(np.int64, shapes, elements=st.integers(0, 2**bits - 1)))
    np.testing.assert_array_equal(decode(encode(numbers, bits, ignored), numbers.shape, bits, ignored), numbers)


def test_a_real_clip_decodes_and_is_far_below_its_entropy(carphone: NDArray[np.uint8]) -> None:
    numbers = mosaic(carphone)
    written = encode(numbers, 6)
    np.testing.assert_array_equal(decode(written, numbers.shape, 6), numbers)
    assert 8 * len(written) / numbers.size < 0.4 * order0(numbers)


def test_a_cut_file_does_not_decode(carphone: NDArray[np.uint8]) -> None:
    numbers = mosaic(carphone[:4])
    assert (decode(encode(numbers, 6)[:-20], numbers.shape, 6) != numbers).any()


@pytest.mark.parametrize(("vocabulary", "count"), [(2, 128), (1000, 64), (64_000, 64), (65_536, 32)])
def test_noise_costs_its_entropy_and_hardly_more(vocabulary: int, count: int) -> None:
    numbers = np.random.default_rng(1).integers(0, vocabulary, (2, 1, count, count))
    assert np.log2(vocabulary) - 0.01 < bits_each(numbers, (vocabulary - 1).bit_length()) < 1.02 * np.log2(vocabulary)


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.97, 0.01, 0.01, 0.01), (0.4, 0.3, 0.2, 0.1)])
def test_independent_numbers_cost_their_entropy(shares: tuple[float, ...]) -> None:
    numbers = np.random.default_rng(2).choice(len(shares), (4, 1, 100, 100), p=shares)
    assert 0.99 < bits_each(numbers, 2) / order0(numbers) < 1.08


def test_one_number_all_over_costs_next_to_nothing() -> None:
    assert bits_each(np.full((4, 1, 64, 64), 54_321), 16) < 0.01


@pytest.mark.parametrize("repeated", ["left", "above", "before", "channel"])
def test_what_a_neighbour_tells_is_not_paid_for_again(repeated: str) -> None:
    fresh = np.random.default_rng(3).integers(0, 256, (8, 8, 16, 16))
    axis = {"before": 0, "channel": 1, "above": 2, "left": 3}[repeated]
    numbers = np.repeat(np.take(fresh, [0], axis), fresh.shape[axis], axis)
    assert bits_each(fresh, 8) > 7.9
    assert bits_each(numbers, 8) < 0.5 * order0(numbers)


def test_the_same_bytes_on_every_machine_and_in_every_release_of_this_version() -> None:
    t, c, y, x = np.ogrid[:3, :2, :24, :40]
    numbers = (7 * x * x + 3 * y * y + t * x * y + 11 * c * (x // 5)) % 1021
    digest = hashlib.sha256(encode(numbers, 10) + encode(numbers, 10, 4)).hexdigest()
    assert digest[:16] == "b52927048ac56e5c", "rates have changed: raise CODER_VERSION and correct this digest"


def test_numbers_without_bits_need_no_bytes() -> None:
    assert encode(np.zeros((2, 1, 3, 3), np.int64), 0) == b""
    assert encode(np.zeros((0, 1, 3, 3), np.int64), 5) == b""


def test_read_only_memory_in_any_order_is_written(carphone: NDArray[np.uint8]) -> None:
    numbers = mosaic(carphone[:3])
    other = np.asfortranarray(numbers)
    other.flags.writeable = False
    assert encode(other, 6) == encode(numbers, 6)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="shape T x C x h x w"):
        decode(b"", (1, 2, 3), 8)


def test_importing_costs_neither_torch_nor_numba(tmp_path: Path) -> None:
    code = "import sys, tokenbench.metrics.tokens; print({'torch', 'numba', 'scipy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
