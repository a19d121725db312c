"""Real runs over a few small clips, one of them with a name that is markup, and the page made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video
from viewing_support import LOOP, PHOTO, STILLS, VIDEO, Scene

from tokenbench.cli import run
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, carphone: NDArray[np.uint8], mini: dict[str, Clip]) -> Scene:
    root = tmp_path_factory.mktemp("viewing")
    clips = root / "clips"
    # An odd size, and frames that a window of four does not divide.
    write_video(clips / VIDEO, carphone[:10, :95, :121])
    write_png(clips / PHOTO, next(mini["chelsea"].chunks(1))[0][:100, :140])
    runs = {name: root / name for name in ("haar-4x8x8", "jpeg-q75")}
    line = ["eval", "--dataset", str(clips), "--tokens", "off"]
    assert run([*line, "--tokenizer", "haar-4x8x8", "--out", str(runs["haar-4x8x8"])]) == 0
    saving = ["--save-reconstructions", "--out", str(runs["jpeg-q75"])]
    assert run([*line, "--tokenizer", "jpeg-q75", *saving]) == 0
    out = root / "view"
    assert view(runs, out) == 0
    return Scene(clips, runs, out)


def view(runs: dict[str, Path], out: Path, *more: str) -> int:
    shown = ["--stills", str(STILLS), "--loop", str(LOOP), "--out", str(out)]
    return run(["view", *map(str, runs.values()), *shown, *more])
