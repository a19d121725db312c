from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from tokenbench.probing.patterns import colour_bars, colour_patches, dead_leaves, edge, pan, white_noise, zone_plate


def slope_of(image: NDArray) -> float:
    """Of amplitude over frequency, both as logarithms, between 1/32 and 1/4 cycles/pixel."""
    side = min(image.shape[:2])
    grey = image[:side, :side].mean(axis=2)
    window = np.hanning(side)
    amplitude = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window))
    along = np.fft.fftfreq(side)
    frequency = np.hypot(along[:, None], along)
    kept = (frequency > 1 / 32) & (frequency < 1 / 4)
    return float(np.polyfit(np.log(frequency[kept]), np.log(amplitude[kept] + 1e-9), 1)[0])


def test_the_leaves_have_the_spectrum_of_a_photograph() -> None:
    leaves = slope_of(dead_leaves(256))
    photographs = [slope_of(photograph) for photograph in (data.astronaut(), data.coffee(), data.chelsea())]
    assert min(photographs) - 0.2 < leaves < max(photographs) + 0.2
    assert -1.8 < leaves < -1.0


def test_the_leaves_are_periodic_and_the_same_every_time() -> None:
    image = dead_leaves(128).astype(int)
    inside = np.abs(np.diff(image, axis=1)).mean()
    assert np.abs(image[:, 0] - image[:, -1]).mean() < 1.5 * inside
    dead_leaves.cache_clear()
    assert (dead_leaves(128) == image).all()
    assert (dead_leaves(128, seed=1) != image).mean() > 0.9


def test_a_zone_plate_has_the_frequency_that_it_says() -> None:
    row = zone_plate(256)[127, :, 0].astype(int) - 128
    signs = np.sign(row)
    changes = np.flatnonzero(np.diff(signs[signs != 0]))
    middle = (changes > 128 + 60) & (changes < 128 + 68)
    # At 64 pixels from the middle: 1/4 cycles/pixel, two changes of sign in each cycle of four pixels.
    assert middle.sum() == pytest.approx(8 * 2 / 4, abs=1)
    assert abs(row).max() == 100


@pytest.mark.parametrize("size", [64, 97, 256])
def test_patches_fill_the_picture(size: int) -> None:
    covered = np.zeros((size, size), int)
    for patch in colour_patches(size):
        covered[patch.top : patch.bottom, patch.left : patch.right] += 1
        assert (colour_bars(size)[patch.top : patch.bottom, patch.left : patch.right] == patch.colour).all()
    assert (covered == 1).all()


def test_bars_are_those_of_the_recommendation() -> None:
    bars = [patch.colour for patch in colour_patches(256)[:8]]
    assert bars[0] == (255, 255, 255)
    assert bars[1:4] == [(191, 191, 0), (0, 191, 191), (0, 191, 0)]
    assert bars[4:] == [(191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)]


def test_a_pan_moves_as_it_says() -> None:
    image = dead_leaves(64)
    clip = pan(image, 4, (3, 7))
    assert (clip[0] == image).all()
    assert (clip[2, 6:, 14:] == image[:-6, :-14]).all()


def test_an_edge_lies_where_it_should() -> None:
    assert edge(64, 10)[5, 8:12, 0].tolist() == [191, 191, 64, 64]


def test_noise_is_white_and_new_in_each_frame() -> None:
    noise = white_noise(2, 128, 20.0).astype(float) - 128
    assert noise.std() == pytest.approx(20, rel=0.02)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]) < 0.02
