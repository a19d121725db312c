from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.media.clip import Clip


@pytest.mark.parametrize("cut", [1, 5, 24])
def test_each_side_is_what_its_storage_alone_makes_of_it(
    mini: dict[str, Clip], carphone: NDArray[np.uint8], cut: int
) -> None:
    clip = mini["carphone"].probed()
    other = carphone[::-1].copy()
    pairs = [(carphone[i : i + cut], other[i : i + cut]) for i in range(0, len(carphone), cut)]
    stored = list(stored_alike(pairs, "h264", clip))
    for side, frames in enumerate((carphone, other)):
        storage = open_storage("h264", clip.height, clip.width, clip.fps)
        expected = np.concatenate([storage.push(frames), storage.flush()])
        assert (np.concatenate([pair[side] for pair in stored]) == expected).all()


def test_no_storage_changes_nothing(mini: dict[str, Clip], carphone: NDArray[np.uint8]) -> None:
    clip = dataclasses.replace(mini["carphone"])
    pairs = [(carphone, carphone)]
    assert list(stored_alike(pairs, "none", clip)) == pairs
