"""Real clips and a way to call the command line, shared by all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import Outcome, write_video

from tokenbench.cli import run
from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png


@pytest.fixture(scope="session")
def mini() -> dict[str, Clip]:
    """The clips of the embedded data set by id."""
    return {clip.id: clip for clip in open_dataset("mini").clips}


@pytest.fixture(scope="session")
def carphone(mini: dict[str, Clip]) -> NDArray[np.uint8]:
    """The first 24 frames of a talking head, uint8 24 x 144 x 176 x 3."""
    return np.concatenate(list(mini["carphone"].chunks(24, frames=24)))


@pytest.fixture
def folder(tmp_path: Path, carphone: NDArray[np.uint8], mini: dict[str, Clip]) -> Path:
    """A small data set of a user's own: two videos of odd and even size, and a photograph."""
    place = tmp_path / "clips"
    write_video(place / "even.mkv", carphone[:14, :64, :80])
    write_video(place / "odd.mkv", carphone[5:16, :67, :93])
    write_png(place / "photo.png", next(mini["chelsea"].chunks(1))[0][:77, :102])
    return place


@pytest.fixture
def tokenbench(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Call the command line in this process."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Outcome(code, out, err)

    return call
