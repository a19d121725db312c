from __future__ import annotations

from itertools import pairwise

import lpips
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.perceptual import FrameBatches, LpipsScores, TemporalLpips

Clips = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Meter = LpipsScores | TemporalLpips

CPU = torch.device("cpu")

# Pixels of 3 frames of `clips`: with its 12 frames, batches of 3, and with an overlap 3 pairs and a rest of 2.
THREE_FRAMES = 3 * 45 * 61


class RandomLpips:
    """LPIPS with AlexNet's layers and random weights: all of the arithmetic, none of the download."""

    device = CPU

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = lpips.LPIPS(pnet_rand=True, net="alex", verbose=False).eval()

    @torch.no_grad()
    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        assert x.dtype == y.dtype == torch.uint8
        assert x.shape == y.shape
        x, y = (side.permute(0, 3, 1, 2).float() / 127.5 - 1 for side in (x, y))
        return self.network(x, y)[:, 0, 0, 0]


class MeanDistance:
    """A cheap one, whose last digits depend on the size of a batch, as a network's do."""

    device = CPU

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(x))
        return (x.float() - y.float()).abs().mean(dim=(1, 2, 3)) * (1 + 1e-6 * len(x))


@pytest.fixture(scope="module")
def network() -> RandomLpips:
    return RandomLpips()


@pytest.fixture
def distance() -> MeanDistance:
    return MeanDistance()


def meters(distance: RandomLpips | MeanDistance) -> list[Meter]:
    return [LpipsScores("lpips-alex", distance, THREE_FRAMES), TemporalLpips(distance, THREE_FRAMES)]


def measured(meter: Meter, x: NDArray[np.uint8], y: NDArray[np.uint8], cuts: list[int] | None = None) -> float:
    for chunks in zip(np.split(x, cuts or []), np.split(y, cuts or []), strict=True):
        meter.update(*chunks)
    (value,) = meter.values().values()
    return value


def of_frames(network: RandomLpips, x: NDArray[np.uint8], y: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Frame by frame, straight through the package's network."""
    images = [[lpips.im2tensor(frame) for frame in side] for side in (x, y)]
    with torch.no_grad():
        return np.array([network.network(a, b).item() for a, b in zip(*images, strict=True)])


def test_lpips_is_the_mean_over_frames(network: RandomLpips, clips: Clips) -> None:
    x, y = (clip[:7] for clip in clips)
    meter, _ = meters(network)
    meter.update(x, y)
    expected = of_frames(network, x, y).mean()
    assert expected > 1e-3
    assert meter.values() == {"lpips-alex": pytest.approx(expected, rel=1e-6)}


def test_temporal_lpips_is_the_mean_difference_between_changes(network: RandomLpips, clips: Clips) -> None:
    x, y = (clip[:6] for clip in clips)
    _, meter = meters(network)
    meter.update(x, y)
    changes = of_frames(network, x[:-1], x[1:]), of_frames(network, y[:-1], y[1:])
    expected = np.abs(changes[0] - changes[1]).mean()
    assert expected > 1e-4
    assert meter.values() == {"temporal-lpips": pytest.approx(expected, rel=1e-6)}


@pytest.mark.parametrize("which", [0, 1])
def test_streaming_through_a_network_equals_whole_clip(network: RandomLpips, clips: Clips, which: int) -> None:
    x, y = (clip[:5] for clip in clips)
    whole = measured(meters(network)[which], x, y)
    assert measured(meters(network)[which], x, y, cuts=[1, 1, 4]) == pytest.approx(whole, rel=1e-9)


@settings(deadline=None)
@given(cuts=st.sets(st.integers(0, 12)))
@pytest.mark.parametrize("which", [0, 1])
def test_streaming_equals_whole_clip(clips: Clips, which: int, cuts: set[int]) -> None:
    whole = measured(meters(MeanDistance())[which], *clips)
    assert measured(meters(MeanDistance())[which], *clips, cuts=sorted(cuts)) == pytest.approx(whole, rel=1e-9)


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, 12)).map(sorted),
    pixels=st.integers(1, 400),
    overlap=st.integers(0, 1),
)
def test_batches_do_not_depend_on_the_cut(cuts: list[int], pixels: int, overlap: int) -> None:
    clip = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 5, 6, 3), np.uint8)

    def batches(cuts: list[int]) -> list[list[int]]:
        found = FrameBatches(CPU, pixels, overlap)
        full = [batch for chunk in np.split(clip, cuts) for batch in found.push(chunk, chunk + 100)]
        assert all(torch.equal(x + 100, y) for x, y in full)
        return [x[:, 0, 0, 0].tolist() for x, _ in [*full, *found.rest()]]

    assert batches(cuts) == batches([])
    assert [frame for batch in batches(cuts) for frame in batch[overlap:]] == list(range(overlap, 12))
    assert all(batch[:overlap] == before[-1:] * overlap for before, batch in pairwise(batches([])))
    assert all(len(batch) - overlap <= max(1, pixels // 30) for batch in batches(cuts))


@pytest.mark.parametrize(("frames", "batch"), [(1, 1), (2.5, 2), (0.1, 1)])
def test_the_network_sees_few_frames_at_once(distance: MeanDistance, clips: Clips, frames: float, batch: int) -> None:
    measured(LpipsScores("lpips-alex", distance, int(frames * 45 * 61)), *clips)
    assert set(distance.batches) == {batch}


def test_identical_clips_have_no_distance(distance: MeanDistance, clips: Clips) -> None:
    for meter in meters(distance):
        assert measured(meter, clips[0], clips[0]) == 0


def test_values_can_be_read_between_chunks(distance: MeanDistance, clips: Clips) -> None:
    for meter in meters(distance):
        first = measured(meter, clips[0][:5], clips[1][:5])
        assert meter.values() == dict.fromkeys(meter.values(), first)
        meter.update(*(clip[5:] for clip in clips))
    assert meter.values()["temporal-lpips"] == measured(meters(distance)[1], *clips)


def test_tensors_give_the_values_of_arrays(distance: MeanDistance, clips: Clips) -> None:
    x, y = clips
    for meter, other in zip(meters(distance), meters(distance), strict=True):
        other.update(torch.tensor(x), y)
        assert other.values() == {name: measured(meter, x, y) for name in other.values()}


@pytest.mark.filterwarnings("error")
def test_memory_that_is_reversed_or_not_writable_is_scored(distance: MeanDistance, clips: Clips) -> None:
    x, y = (np.asfortranarray(clip)[:, ::-1] for clip in clips)
    x.flags.writeable = False
    for meter, other in zip(meters(distance), meters(distance), strict=True):
        assert measured(meter, x, y) == measured(other, x.copy(), y.copy())


@pytest.mark.parametrize("size", [1, 2])
def test_the_callers_buffer_may_be_used_again(distance: MeanDistance, clips: Clips, size: int) -> None:
    for meter, other in zip(meters(distance), meters(distance), strict=True):
        buffers = [torch.empty(size, 45, 61, 3, dtype=torch.uint8) for _ in clips]
        for start in range(0, 12, size):
            for buffer, clip in zip(buffers, clips, strict=True):
                buffer.copy_(torch.from_numpy(clip[start : start + size]))
            meter.update(*buffers)
        assert meter.values() == {name: measured(other, *clips) for name in meter.values()}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_frames_are_moved_to_the_networks_device(distance: MeanDistance, clips: Clips) -> None:
    meter = TemporalLpips(distance, THREE_FRAMES)
    meter.update(torch.tensor(clips[0]).cuda(), clips[1])
    assert meter.values()["temporal-lpips"] == measured(TemporalLpips(distance, THREE_FRAMES), *clips)


def test_an_empty_clip_has_no_lpips(distance: MeanDistance) -> None:
    with pytest.raises(ClipError, match="the clip is empty"):
        LpipsScores("lpips", distance).values()


def test_a_clip_of_one_frame_has_no_temporal_lpips(distance: MeanDistance, clips: Clips) -> None:
    meter = TemporalLpips(distance)
    meter.update(*(clip[:1] for clip in clips))
    with pytest.raises(NotApplicable, match="temporal-lpips needs at least two frames"):
        meter.values()


def test_what_is_not_a_pair_of_chunks_is_refused(distance: MeanDistance, clips: Clips) -> None:
    x, y = map(torch.tensor, clips)
    for meter in meters(distance):
        with pytest.raises(ClipError, match="same shape, got 12 x 45 x 61 x 3 and 11 x 45 x 61 x 3"):
            meter.update(x, y[:11])
        with pytest.raises(TokenBenchError, match=r"reconstruction must hold uint8 values .* got float32"):
            meter.update(x, y.float())
        with pytest.raises(TokenBenchError, match="reference must have the shape T x H x W x 3, got 45 x 61 x 3"):
            meter.update(x[0], y[0])


def test_frames_of_another_size_are_refused_and_change_nothing(distance: MeanDistance, clips: Clips) -> None:
    for meter in meters(distance):
        whole = measured(meter, *clips)
        with pytest.raises(ClipError, match="must have one size: got 60 x 45 pixels after 61 x 45"):
            meter.update(*(clip[:, :, 1:] for clip in clips))
        meter.update(*(np.zeros((0, 9, 9, 3), np.uint8) for _ in range(2)))
        assert meter.values() == dict.fromkeys(meter.values(), whole)
