from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.evaluation.places import clip_places
from tokenbench.metrics.phases import Place
from tokenbench.tokenizer import Padding


def section(
    frames: tuple[int, int], *, used: int | None = None, window: int | None = 17, centred: bool = False
) -> dict[str, Any]:
    """Of a result, as far as it matters here: four frames share a token."""
    return {
        "compression": [4, 8, 8],
        "padding": asdict(Padding(frames=frames, centred=centred)),
        "window": window,
        "window_used": used,
        "streaming": used is None,
    }


def test_a_causal_stream_has_one_first_frame() -> None:
    assert clip_places(10, section((4, 1))) == [None, 0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert clip_places(3, section((8, 1), centred=True)) == [None, 0, 1]


def test_every_window_begins_anew() -> None:
    assert clip_places(12, section((4, 1), used=5)) == [*[None, 0, 1, 2, 3] * 2, None, 0]
    assert clip_places(9, section((4, 1), used=7)) == [None, 0, 1, 2, 3, 0, 1, None, 0]


def test_a_tokenizer_that_is_not_causal_has_no_first_frame() -> None:
    assert clip_places(9, section((4, 0), used=8)) == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_frames_put_in_front_take_the_first_places() -> None:
    # A window of 5 frames gets 2 in front and 2 behind.
    expected: list[Place] = [None, *[0, 1, 2, 3] * 4, 1, 2, 3, 0, 1]
    assert clip_places(22, section((8, 1), used=17, centred=True)) == expected


@pytest.mark.parametrize(("window", "expected"), [(17, [None, 0, 1]), (None, [None, 0, 1]), (16, [0, 1, 2])])
def test_a_card_without_frame_counts_is_known_by_its_window(window: int | None, expected: list[Place]) -> None:
    assert clip_places(3, section((1, 0), used=window, window=window)) == expected


def test_a_result_tells_the_quality_by_place_in_every_window(
    tokenbench: Callable[..., Any], carphone: NDArray[np.uint8], tmp_path: Path
) -> None:
    write_video(tmp_path / "clips" / "talk.mkv", carphone[:22, :64, :80])
    asked = ("--tokenizer", "haar-4x8x8", "--dataset", tmp_path / "clips", "--window", "5", "--out", tmp_path / "run")
    assert tokenbench("eval", *asked).code == 0
    found = json.loads((tmp_path / "run" / "result.json").read_text())["media"]["video"]["phases"]
    with (tmp_path / "run" / "frames.csv").open() as file:
        psnr = [float(row["psnr"]) for row in csv.DictReader(file)]
    numbers = [-10 * np.log10(fmean(10 ** (-value / 10) for value in psnr[place::5])) for place in range(5)]
    assert [found["first"], *found["phases"]] == pytest.approx(numbers, abs=1e-3)
