from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media import pixels
from tokenbench.media.pixels import Quantisation, quantise, to_float, to_uint8
from tokenbench.media.prefetch import prefetch

CUDA = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
)


HOW: tuple[Quantisation, ...] = ("round", "truncate", "none")


def noise(*shape: int) -> torch.Tensor:
    """Goes past [-1, 1]."""
    return torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(0)) * 1.5


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


def test_each_quantisation_is_its_formula_to_the_bit() -> None:
    video = noise(4, 33, 21)
    values = np.clip((video.numpy() + np.float32(1)) / np.float32(2), 0, 1) * np.float32(255)
    values = values[0].transpose(1, 2, 3, 0)
    assert np.array_equal(quantise(video, "none"), values)
    assert np.array_equal(quantise(video, "truncate"), np.floor(values).astype(np.uint8))
    assert np.array_equal(quantise(video, "round"), to_uint8(video))
    assert [quantise(video, how).dtype for how in HOW] == [torch.uint8, torch.uint8, torch.float32]
    assert all(quantise(video, how).is_contiguous() for how in HOW)


def test_truncation_loses_levels_that_rounding_keeps() -> None:
    """Why it is a choice of its own: a perfect network in float32 would lose some levels by it."""
    exact = to_float(all_levels())
    assert not np.array_equal(quantise(exact, "truncate"), all_levels())
    assert np.array_equal(quantise(exact + 1e-6, "truncate"), all_levels())


@pytest.mark.parametrize("how", HOW)
def test_what_runs_on_a_device_gives_the_bits_of_the_compiled_loops(how: Quantisation) -> None:
    video = noise(4, 33, 21)
    on_device = pixels._quantise_on_device(video[0].permute(1, 2, 3, 0), how)
    assert torch.equal(on_device, quantise(video, how))
    assert on_device.is_contiguous()


def test_an_unknown_quantisation_is_refused() -> None:
    with pytest.raises(TokenBenchError, match="unknown quantisation 'floor': choose one of round, truncate, none"):
        quantise(noise(1, 8, 8), "floor")  # type: ignore[arg-type]


@pytest.mark.parametrize("device", [CUDA])
def test_the_gpu_gives_the_same_bits(device: str) -> None:
    frames = all_levels()
    assert torch.equal(to_float(frames, device).cpu(), to_float(frames))
    video = noise(4, 33, 21)
    assert np.array_equal(to_uint8(video.to(device)), to_uint8(video))
    for how in HOW:
        frames_there = quantise(video.to(device), how)
        assert frames_there.device.type == device
        assert torch.equal(frames_there.cpu(), quantise(video, how))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_and_counted(value: float, how: Quantisation) -> None:
    video = torch.zeros(1, 3, 2, 8, 8)
    video[0, 1, 1, 2, 3:5] = value
    with pytest.raises(ClipError, match="2 NaN or infinite values of 384"):
        quantise(video, how)
    with pytest.raises(ClipError, match="2 NaN or infinite values of 384"):
        pixels._quantise_on_device(video[0].permute(1, 2, 3, 0), how)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_float_types_are_quantised_in_float32(dtype: torch.dtype) -> None:
    video = torch.randn(1, 3, 2, 9, 7, generator=torch.Generator().manual_seed(1)).to(dtype)
    assert np.array_equal(to_uint8(video), to_uint8(video.float()))
    assert torch.equal(to_float(all_levels(), dtype=dtype), to_float(all_levels()).to(dtype))


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_memory_in_any_order_gives_the_same_values(device: str) -> None:
    frames = all_levels()
    for view in (frames[::-1, :, ::-1], np.asfortranarray(frames), frames[:, ::2, 1::3]):
        assert torch.equal(to_float(view, device).cpu(), to_float(view.copy()))
    video = torch.randn(1, 3, 4, 12, 10, generator=torch.Generator().manual_seed(2))
    view = video[:, [2, 0, 1], 1::2, :, ::3]
    assert np.array_equal(to_uint8(view.to(device)), to_uint8(view.contiguous()))


def test_no_frames_are_no_problem() -> None:
    assert to_uint8(torch.empty(1, 3, 0, 8, 8)).shape == (0, 8, 8, 3)
    assert quantise(torch.empty(1, 3, 0, 8, 8), "none").shape == (0, 8, 8, 3)
    assert to_float(np.empty((0, 8, 9, 3), np.uint8)).shape == (1, 3, 0, 8, 9)


def test_values_at_the_edge_between_two_levels_are_rounded_as_published() -> None:
    """Every float32 next to where floor(u * 255 + 0.5) steps."""
    steps = (2 * (np.arange(255) + 0.5) / 255 - 1).astype(np.float32)
    below = np.nextafter(steps, np.float32(-2))
    values = np.stack([np.nextafter(below, np.float32(-2)), below, steps, np.nextafter(steps, np.float32(2))])
    expected = np.floor((values + np.float32(1)) / np.float32(2) * np.float32(255) + np.float32(0.5))
    video = torch.from_numpy(np.broadcast_to(values, (1, 3, 1, 4, 255)).copy())
    assert np.array_equal(to_uint8(video)[0, ..., 0], expected)
    assert np.unique(expected).size == 256


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


def test_prefetch_closes_its_source_when_it_is_closed_early() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    items = prefetch(source())
    assert next(items) == 0
    items.close()
    assert closed.wait(5)


def test_prefetch_of_nothing_gives_nothing() -> None:
    assert list(prefetch(())) == []
