from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tokenbench.errors import ClipError
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.media.prefetch import prefetch


def all_levels() -> np.ndarray:
    return np.arange(256 * 6, dtype=np.uint16).astype(np.uint8).reshape(2, 16, 16, 3)


def test_float_values_are_the_published_ones_to_the_bit() -> None:
    frames = all_levels()
    expected = torch.from_numpy((2 * (frames / 255) - 1).astype(np.float32)).permute(3, 0, 1, 2)[None]
    assert torch.equal(to_float(frames), expected)
    assert to_float(frames, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_every_level_survives_the_round_trip() -> None:
    assert np.array_equal(to_uint8(to_float(all_levels())), all_levels())


def test_quantisation_is_the_published_formula() -> None:
    video = torch.randn(1, 3, 4, 33, 21, generator=torch.Generator().manual_seed(0)) * 1.5
    video[..., 0] = 1e30
    expected = np.floor(
        np.clip((video.numpy() + np.float32(1)) / np.float32(2), 0, 1) * np.float32(255) + np.float32(0.5)
    )
    assert np.array_equal(to_uint8(video), expected[0].transpose(1, 2, 3, 0).astype(np.uint8))
    assert np.array_equal(to_uint8(video.transpose(3, 4)), to_uint8(video).transpose(0, 2, 1, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_gives_the_same_bits() -> None:
    frames = all_levels()
    assert torch.equal(to_float(frames, "cuda").cpu(), to_float(frames))
    video = torch.randn(1, 3, 4, 33, 21)
    assert np.array_equal(to_uint8(video.cuda()), to_uint8(video))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_and_counted(value: float) -> None:
    video = torch.zeros(1, 3, 2, 8, 8)
    video[0, 1, 1, 2, 3:5] = value
    with pytest.raises(ClipError, match="2 NaN or infinite values of 384"):
        to_uint8(video)


def test_no_frames_are_no_problem() -> None:
    assert to_uint8(torch.empty(1, 3, 0, 8, 8)).shape == (0, 8, 8, 3)


def test_prefetch_keeps_order_and_passes_errors_on_behind_what_came_before() -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise ValueError("broken")

    taken = []
    with pytest.raises(ValueError, match="broken"):
        for item in prefetch(source()):
            taken.append(item)
    assert taken == [0, 1, 2, 3, 4]


def test_prefetch_reads_ahead_no_further_than_its_depth_and_stops_when_closed() -> None:
    made = []
    full = threading.Event()

    def source() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            if number == 3:
                full.set()
            yield number

    items = prefetch(source(), depth=2)
    assert next(items) == 0
    assert full.wait(5)
    items.close()
    assert len(made) <= 5
    assert not any(thread.name == "prefetch" and thread.is_alive() for thread in threading.enumerate())
