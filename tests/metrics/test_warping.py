from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from skimage import data
from skimage.registration import optical_flow_ilk

from tokenbench.errors import ClipError, NotApplicable
from tokenbench.metrics.perceptual import BATCH_PIXELS
from tokenbench.metrics.warping import Flow, WarpingError, ilk_flow, visible, warp

Clips = tuple[NDArray[np.uint8], NDArray[np.uint8]]

# A window that moves by this much down and to the right over a photograph; its content moves the other way.
STEP = (2, 3)


@pytest.fixture(scope="module")
def moving() -> NDArray[np.uint8]:
    """7 x 64 x 80 x 3."""
    photograph = data.astronaut()[100:, 150:]
    return np.stack([photograph[STEP[0] * t :, STEP[1] * t :][:64, :80] for t in range(7)])


@pytest.fixture(scope="module")
def truth(moving: NDArray[np.uint8]) -> Flow:
    """The flow of `moving`, forwards and backwards: it finds out which it is asked for."""

    def flow(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        forward = torch.equal(x[:, STEP[0] :, STEP[1] :], y[:, : -STEP[0], : -STEP[1]])
        vector = torch.tensor([STEP[1], STEP[0]]).float() * (-1 if forward else 1)
        return vector.view(1, 2, 1, 1).expand(len(x), 2, *x.shape[1:3])

    return flow


def noisy(clip: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, sigma, clip.shape)
    return np.clip(np.rint(clip + noise), 0, 255).astype(np.uint8)


def measured(
    flow: Flow, x: NDArray[np.uint8], y: NDArray[np.uint8], cuts: list[int] | None = None, pixels: int = BATCH_PIXELS
) -> float:
    meter = WarpingError("warp", flow, pixels)
    for chunks in zip(np.split(x, cuts or []), np.split(y, cuts or []), strict=True):
        meter.update(*chunks)
    return meter.values()["warp"]


def defined(flow: Flow, x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    """The definition again, pair by pair, in float64 with SciPy's interpolation."""
    errors = []
    for t in range(len(x) - 1):
        before, after = torch.from_numpy(x[t : t + 1]), torch.from_numpy(x[t + 1 : t + 2])
        forward, backward = (flow(*pair)[0].double().numpy() for pair in ((before, after), (after, before)))
        rows, columns = np.mgrid[: x.shape[1], : x.shape[2]]
        at = np.stack([rows + forward[1], columns + forward[0]])
        back = np.stack([map_coordinates(side, at, order=1, mode="nearest") for side in backward])
        lengths = (forward**2).sum(0) + (back**2).sum(0)
        seen = ((forward + back) ** 2).sum(0) <= 0.01 * lengths + 0.5
        seen &= (at[0] >= 0) & (at[0] <= x.shape[1] - 1) & (at[1] >= 0) & (at[1] <= x.shape[2] - 1)
        slopes = np.zeros(seen.shape)
        slopes[:, :-1] += (np.diff(forward, axis=2) ** 2).sum(0)
        slopes[:-1] += (np.diff(forward, axis=1) ** 2).sum(0)
        seen &= slopes <= 0.01 * (forward**2).sum(0) + 0.002
        if seen.any():
            now, later = y[t] / 255, y[t + 1] / 255
            warped = np.stack([map_coordinates(later[..., c], at, order=1, mode="nearest") for c in range(3)], axis=-1)
            errors.append(((now - warped) ** 2)[seen].mean())
    return float(np.mean(errors))


def test_it_is_what_its_definition_says(carphone: NDArray[np.uint8]) -> None:
    x = carphone[:4, :96, :120]
    for y in (x, noisy(x, 10)):
        assert measured(ilk_flow, x, y) == pytest.approx(defined(ilk_flow, x, y), rel=1e-4)


def test_a_translation_that_is_known_leaves_no_error(moving: NDArray[np.uint8], truth: Flow) -> None:
    assert measured(truth, moving, moving) < 1e-9


def test_noise_is_all_that_is_left_of_a_known_translation(moving: NDArray[np.uint8], truth: Flow) -> None:
    x = moving // 2 + 60
    y = noisy(x, 8)
    # Two independent noises: twice the variance, and that of rounding.
    assert measured(truth, x, y) == pytest.approx(2 * (8**2 + 1 / 12) / 255**2, rel=0.02)


def test_the_error_grows_with_flicker(moving: NDArray[np.uint8]) -> None:
    x = moving[:4]
    errors = [measured(ilk_flow, x, noisy(x, sigma)) for sigma in (0, 2, 5, 10, 20)]
    assert errors == sorted(errors)
    assert errors[0] < 0.1 * errors[2]


def test_a_frozen_reconstruction_of_a_moving_clip_is_wrong(moving: NDArray[np.uint8], truth: Flow) -> None:
    frozen = np.repeat(moving[:1], len(moving), axis=0)
    assert measured(truth, moving, frozen) > 1e-3


@settings(deadline=None, max_examples=10)
@given(cuts=st.sets(st.integers(0, 7)))
def test_streaming_equals_whole_clip(moving: NDArray[np.uint8], cuts: set[int]) -> None:
    def any_flow(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Smooth, and of the frames' content."""
        means = (y.float() - x.float()).mean(dim=(1, 2))[:, :2, None, None]
        return means.expand(len(x), 2, *x.shape[1:3])

    y = noisy(moving, 10)
    whole = measured(any_flow, moving, y, pixels=2 * 64 * 80)
    assert whole > 1e-3
    assert measured(any_flow, moving, y, sorted(cuts), pixels=2 * 64 * 80) == pytest.approx(whole, rel=1e-9)


def test_the_flow_without_a_network_is_that_of_scikit_image(moving: NDArray[np.uint8]) -> None:
    x, y = moving[:2], moving[1:3]
    flow = ilk_flow(torch.from_numpy(x), torch.from_numpy(y))
    assert flow.shape == (2, 2, 64, 80)
    for i in range(2):
        down, right = optical_flow_ilk(
            *(frames[i] @ np.array([0.299, 0.587, 0.114]) / 255 for frames in (x, y)), radius=7
        )
        np.testing.assert_allclose(flow[i], np.stack([right, down]), atol=1e-2)


@pytest.mark.parametrize("size", [(300, 420), (420, 300), (256, 256)])
def test_the_flow_of_large_frames_is_in_their_pixels(size: tuple[int, int]) -> None:
    photograph = data.astronaut()
    x, y = (photograph[4 * t :, 6 * t :][: size[0], : size[1]] for t in (0, 1))
    flow = ilk_flow(*(torch.from_numpy(frame.copy())[None] for frame in (x, y)))
    assert flow.shape == (1, 2, *size)
    inner = flow[0, :, 40:-40, 40:-40].flatten(1).median(dim=1).values
    np.testing.assert_allclose(inner, [-6, -4], atol=0.3)


def test_a_flow_that_does_not_return_hides_its_pixels() -> None:
    forward, backward = torch.zeros(1, 2, 9, 12), torch.zeros(1, 2, 9, 12)
    backward[:, 0, :, 6:] = 0.8
    expected = torch.ones(1, 9, 12, dtype=torch.bool)
    expected[:, :, 6:] = False
    assert torch.equal(visible(forward, backward), expected)


def test_a_border_of_motion_hides_its_pixels() -> None:
    forward = torch.zeros(1, 2, 9, 12)
    forward[:, 1, 4:] = -0.1
    hidden = ~visible(forward, -forward)
    assert hidden[0, 3].all()
    assert hidden.sum() == 12


def test_pixels_that_leave_the_frame_are_hidden() -> None:
    forward = torch.tensor([2.5, -1.0]).view(1, 2, 1, 1).expand(1, 2, 9, 12)
    seen = visible(forward, -forward)
    assert seen[0, 1:, :9].all()
    assert seen.sum() == 8 * 9


@settings(deadline=None)
@given(right=st.integers(-3, 3), down=st.integers(-3, 3))
def test_warping_by_whole_pixels_moves_them(right: int, down: int) -> None:
    image = torch.from_numpy(data.astronaut()[100:120, 100:130]).permute(2, 0, 1)[None].double()
    flow = torch.tensor([right, down]).double().view(1, 2, 1, 1).expand(1, 2, 20, 30)
    expected = image.roll((-down, -right), dims=(2, 3))
    inner = (..., slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(warp(image, flow)[inner], expected[inner], atol=1e-9)


def test_a_clip_of_one_frame_has_no_value(moving: NDArray[np.uint8], truth: Flow) -> None:
    with pytest.raises(NotApplicable, match="warp needs at least two frames"):
        measured(truth, moving[:1], moving[:1])


def test_frames_of_a_single_row_have_no_flow(moving: NDArray[np.uint8]) -> None:
    with pytest.raises(NotApplicable, match="optical flow needs at least 2 x 2 pixels, got 80 x 1"):
        measured(ilk_flow, moving[:, :1], moving[:, :1])


def test_a_clip_whose_content_leaves_at_once_has_no_value(moving: NDArray[np.uint8]) -> None:
    def far(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x), 2, *x.shape[1:3]), 500.0)

    with pytest.raises(NotApplicable, match="no pixel can be followed"):
        measured(far, moving, moving)


def test_frame_pairs_without_a_visible_pixel_do_not_count(moving: NDArray[np.uint8], truth: Flow) -> None:
    cut = np.concatenate([moving[:4], 255 - moving[3:]])

    def flow(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        across = [torch.equal(255 - a, b) for a, b in zip(x, y, strict=True)]
        found = torch.stack([truth(a[None], b[None])[0] for a, b in zip(x, y, strict=True)])
        found[across] = 500.0
        return found

    assert measured(flow, cut, cut) < 1e-9


def test_frames_of_another_size_are_refused(moving: NDArray[np.uint8], truth: Flow) -> None:
    meter = WarpingError("warp", truth)
    meter.update(moving, moving)
    with pytest.raises(ClipError, match="must have one size: got 79 x 64 pixels after 80 x 64"):
        meter.update(moving[:, :, 1:], moving[:, :, 1:])
