from __future__ import annotations

import matplotlib
import numpy as np

from tokenbench.viewing.heat import heat_map


def inferno(level: int) -> list[int]:
    return [int(part) for part in matplotlib.colormaps["inferno"](level, bytes=True)[:3]]


def test_colours_are_the_mean_error_of_the_channels_times_eight() -> None:
    original = np.array([[[10, 20, 30], [10, 20, 30], [10, 20, 30], [200, 200, 200]]], np.uint8)
    # Errors (0, 0, 0), (3, 0, 0), (1, 2, 3) and (40, 40, 40): means 0, 1, 2 and 40, levels 0, 8, 16 and 255 at most.
    other = np.array([[[10, 20, 30], [13, 20, 30], [9, 22, 27], [160, 240, 160]]], np.uint8)
    expected = [[inferno(0), inferno(8), inferno(16), inferno(255)]]
    assert heat_map(original, other).tolist() == expected
    assert heat_map(other, original).tolist() == expected


def test_one_pixel_of_the_map_is_one_of_the_frame_however_large() -> None:
    original = np.zeros((3, 1500, 3), np.uint8)
    other = original.copy()
    other[1, 1499] = 12
    picture = heat_map(original, other)
    assert picture.shape == (3, 1500, 3)
    assert picture[1, 1499].tolist() == inferno(96)
    assert (picture[1, :1499] == inferno(0)).all()
