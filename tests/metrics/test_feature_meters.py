from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from skimage import data
from torch import Tensor, nn

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics import feature_meters
from tokenbench.metrics.feature_meters import ClipFeatures, FrameFeatures, PairedFeatures, SharedFeatures

Frames = NDArray[np.uint8]


class Tiny(nn.Module):
    """A convolution and a mean, with random weights; remembers the shapes of its input."""

    def __init__(self, convolution: nn.Module, axes: tuple[int, ...], device: str = "cpu") -> None:
        super().__init__()
        self.convolution = convolution.to(device).requires_grad_(False)
        self.axes = axes
        self.device = torch.device(device)
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, samples: Tensor) -> Tensor:
        assert samples.device == self.convolution.weight.device
        self.shapes.append(tuple(samples.shape))
        return self.convolution(samples).relu().mean(self.axes)


class TinyFrames(Tiny):
    """N x H x W x 3, uint8 -> N x 7."""

    def __init__(self, device: str = "cpu") -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(3, 7, 3), (2, 3), device)

    def forward(self, samples: Tensor) -> Tensor:
        assert samples.dtype == torch.uint8
        return super().forward(samples.permute(0, 3, 1, 2) / 255)


class TinyVideo(Tiny):
    """1 x 3 x T x 224 x 224, float32 -> 1 x 400."""

    def __init__(self, device: str = "cpu") -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv3d(3, 400, (1, 16, 16), stride=(1, 8, 8)), (2, 3, 4), device)


class Whole(nn.Module):
    """The prepared video itself, as features."""

    device = torch.device("cpu")

    def forward(self, video: Tensor) -> Tensor:
        return video.flatten(1)


def published_preparation(clip: Frames) -> Tensor:
    """The published recipe on a whole clip: C x T x 224 x 224, float32."""
    video = torch.from_numpy(clip[:300].copy()).permute(3, 0, 1, 2).float() / 255
    channels, frames, height, width = video.shape
    scale = 224 / min(height, width)
    target = (224, math.ceil(width * scale)) if height < width else (math.ceil(height * scale), 224)
    video = F.interpolate(video, size=target, mode="bilinear", align_corners=False)
    top, left = (target[0] - 224) // 2, (target[1] - 224) // 2
    assert video.shape == (channels, frames, *target)
    return (video[:, :, top : top + 224, left : left + 224] - 0.5) * 2


def worse(clip: Frames) -> Frames:
    return clip // 32 * 32


def pieces(clip: Frames, cuts: list[int]) -> Iterator[tuple[Frames, Frames]]:
    return zip(np.split(clip, cuts), np.split(worse(clip), cuts), strict=True)


def frame_meter(network: nn.Module, batch: int = 16) -> PairedFeatures:
    return PairedFeatures(SharedFeatures(FrameFeatures(network, batch)), FrameFeatures(network, batch))


def clip_meter(network: nn.Module) -> PairedFeatures:
    return PairedFeatures(SharedFeatures(ClipFeatures(network)), ClipFeatures(network))


def of_frames(clip: Frames, cuts: list[int], batch: int = 6) -> NDArray[np.float32]:
    meter = frame_meter(TinyFrames(), batch)
    for pair in pieces(clip, cuts):
        meter.update(*pair)
    return meter.features()


def of_clip(network: nn.Module, clip: Frames, cuts: list[int]) -> NDArray[np.float32]:
    meter = clip_meter(network)
    for pair in pieces(clip, cuts):
        meter.update(*pair)
    return meter.features()


CUTS: list[list[int]] = [[], [5, 5, 6], list(range(1, 24))]


@pytest.fixture
def small(carphone: Frames) -> Frames:
    """24 x 36 x 44 x 3."""
    return carphone[:, ::4, ::4]


def test_frame_features_are_those_of_the_network(small: Frames) -> None:
    features = of_frames(small, [])
    assert features.dtype == np.float32
    assert features.shape == (24, 2, 7)
    for side, clip in enumerate((small, worse(small))):
        expected = TinyFrames()(torch.from_numpy(clip))
        np.testing.assert_allclose(features[:, side], expected, rtol=1e-5)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("batch", [1, 14, 64])
def test_frame_features_do_not_depend_on_the_chunks(small: Frames, cuts: list[int], batch: int) -> None:
    np.testing.assert_array_equal(of_frames(small, cuts, batch), of_frames(small, [], batch))


@pytest.mark.parametrize("cuts", CUTS)
def test_batches_hold_frames_of_one_side_and_no_more_than_asked_for(small: Frames, cuts: list[int]) -> None:
    network = TinyFrames()
    meter = frame_meter(network, 10)
    for pair in pieces(small, cuts):
        meter.update(*pair)
    meter.features()
    assert sorted(shape[0] for shape in network.shapes) == [4, 4, 10, 10, 10, 10]


def test_features_can_be_asked_for_twice(small: Frames) -> None:
    meter = frame_meter(TinyFrames(), 10)
    meter.update(small[:7], worse(small[:7]))
    np.testing.assert_array_equal(meter.features(), meter.features())
    meter.update(small[7:], worse(small[7:]))
    np.testing.assert_array_equal(meter.features(), of_frames(small, [], 10))


def test_frames_may_be_tensors_or_arrays_that_are_read_only_or_turned_around(small: Frames) -> None:
    expected = of_frames(small[:, :, ::-1], [])
    turned = small[:, :, ::-1]
    turned.flags.writeable = False
    meter = frame_meter(TinyFrames(), 6)
    meter.update(turned, torch.from_numpy(worse(turned)))
    np.testing.assert_array_equal(meter.features(), expected)


def test_frames_that_wait_for_a_batch_are_not_changed_by_their_owner(small: Frames) -> None:
    meter = frame_meter(TinyFrames(), 20)
    sides = [torch.from_numpy(small[:3].copy()) for _ in range(2)]
    meter.update(*sides)
    for side in sides:
        side.zero_()
    assert meter.features().any()
    np.testing.assert_array_equal(meter.features()[:, 0], of_frames(small[:3], [], 20)[:, 0])


def test_identical_clips_have_identical_features(small: Frames) -> None:
    meter = frame_meter(TinyFrames())
    meter.update(small, small)
    np.testing.assert_allclose(*meter.features().transpose(1, 0, 2), rtol=1e-6)


# Wide, tall, square; larger and smaller than 224; and a square whose sides, scaled, round to 225.
SIZES = [(144, 176), (176, 144), (61, 200), (300, 260), (224, 224), (256, 455), (82, 82)]


@pytest.mark.parametrize("size", SIZES)
def test_clips_are_prepared_as_published(size: tuple[int, int]) -> None:
    height, width = size
    photograph = data.astronaut()
    clip = np.stack([photograph[7 * t : 7 * t + height, 5 * t : 5 * t + width] for t in range(3)])
    prepared = of_clip(Whole(), clip, [1])
    for side, frames in enumerate((clip, worse(clip))):
        expected = published_preparation(frames)
        assert expected.shape == (3, 3, 224, 224)
        np.testing.assert_allclose(prepared[0, side], expected.flatten(), rtol=1e-5, atol=1e-6)


def test_clip_features_are_those_of_the_whole_clip(carphone: Frames) -> None:
    start = carphone[:8]
    network = TinyVideo()
    features = of_clip(network, start, [3])
    assert network.shapes == [(1, 3, 8, 224, 224)] * 2
    assert features.dtype == np.float32
    assert features.shape == (1, 2, 400)
    for side, clip in enumerate((start, worse(start))):
        expected = TinyVideo()(published_preparation(clip)[None])
        np.testing.assert_allclose(features[:, side], expected, rtol=1e-5)


@pytest.mark.parametrize("cuts", CUTS)
def test_clip_features_do_not_depend_on_the_chunks(small: Frames, cuts: list[int]) -> None:
    np.testing.assert_array_equal(of_clip(Whole(), small, cuts), of_clip(Whole(), small, []))


@pytest.mark.parametrize("cuts", CUTS)
def test_only_the_first_frames_count(small: Frames, cuts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert feature_meters.CLIP_FRAMES == 300
    monkeypatch.setattr(feature_meters, "CLIP_FRAMES", 6)
    np.testing.assert_array_equal(of_clip(Whole(), small, cuts), of_clip(Whole(), small[:6], []))


@pytest.mark.parametrize("kind", [frame_meter, clip_meter])
def test_pairs_that_do_not_fit_are_refused(kind: Callable[..., PairedFeatures], small: Frames) -> None:
    meter = kind(TinyFrames())
    with pytest.raises(ClipError, match=r"same shape, got 24 x 36 x 44 x 3 and 23 x 36 x 44 x 3"):
        meter.update(small, small[1:])
    with pytest.raises(TokenBenchError, match=r"reconstruction must hold uint8 values .* got float32"):
        meter.update(small, small.astype(np.float32))
    with pytest.raises(TokenBenchError, match=r"reference must have the shape T x H x W x 3, got 36 x 44 x 3"):
        meter.update(small[0], small[0])
    with pytest.raises(ClipError, match="no frames to score"):
        meter.features()
    meter.update(small[:0], small[:0])
    with pytest.raises(ClipError, match="no frames to score"):
        meter.features()
    meter.update(small[:2], small[:2])
    with pytest.raises(ClipError, match="one size: got 43 x 36 pixels after 44 x 36"):
        meter.update(small[2:, :, 1:], small[2:, :, 1:])


@pytest.mark.parametrize("kind", [FrameFeatures, ClipFeatures])
def test_a_shared_reference_is_computed_once_whoever_is_ahead(kind: type, small: Frames) -> None:
    network = TinyFrames() if kind is FrameFeatures else TinyVideo()
    shared = SharedFeatures(kind(network))
    readers = [PairedFeatures(shared, kind(network)) for _ in range(3)]
    for start, stop, reader in ((0, 9, 0), (0, 4, 1), (4, 20, 1), (9, 24, 0), (20, 24, 1), (0, 24, 2)):
        readers[reader].update(small[start:stop], worse(small[start:stop]))
    features = [reader.features() for reader in readers]
    expected = of_frames(small, [], 16) if kind is FrameFeatures else of_clip(TinyVideo(), small, [])
    for each in features:
        np.testing.assert_array_equal(each, expected)
    frames = sum(shape[0] for shape in network.shapes) if kind is FrameFeatures else len(network.shapes)
    # One reference and three reconstructions.
    assert frames == 4 * (24 if kind is FrameFeatures else 1)


def test_known_features_of_a_reference_are_not_computed_again(small: Frames) -> None:
    network = TinyFrames()
    known = np.full((24, 7), 3, np.float32)
    shared = SharedFeatures(FrameFeatures(network), known)
    meter = PairedFeatures(shared, FrameFeatures(network))
    meter.update(small, worse(small))
    np.testing.assert_array_equal(meter.features()[:, 0], known)
    assert sum(shape[0] for shape in network.shapes) == 24
    assert shared.computed is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_frames_on_the_device_give_the_features_of_the_cpu(small: Frames) -> None:
    frames, video = frame_meter(TinyFrames("cuda"), 6), clip_meter(TinyVideo("cuda"))
    sides = [torch.from_numpy(side).cuda() for side in (small, worse(small))]
    frames.update(*sides)
    video.update(*sides)
    np.testing.assert_allclose(frames.features(), of_frames(small, []), rtol=1e-3)
    np.testing.assert_allclose(video.features(), of_clip(TinyVideo(), small, []), rtol=1e-3)
