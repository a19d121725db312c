"""Blur, blocks, darkness and bars: they grow with the damage, and do not fire on good pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from screening_support import (
    Frames,
    blurred,
    darkened,
    jpeg,
    letterboxed,
    make_video,
    noisy,
    pan,
    photograph,
    pillarboxed,
)
from skimage import data

from tokenbench.datasets.screening.blockiness import Blockiness
from tokenbench.datasets.screening.blur import Blur
from tokenbench.datasets.screening.borders import Borders
from tokenbench.datasets.screening.darkness import Darkness
from tokenbench.datasets.screening.limits import PANDA_70M
from tokenbench.media.clip import Clip

Luma = NDArray[np.uint8]


def score(measure: Blur | Blockiness | Darkness, frames: Luma) -> float:
    for luma in frames:
        measure.update(luma)
    return measure.value()


def borders_of(frames: Luma) -> tuple[float, float]:
    borders = Borders()
    for luma in frames:
        borders.update(luma)
    return borders.values()


@pytest.fixture(params=["coffee", "camera", "coins", "grass", "carphone"])
def picture(request: pytest.FixtureRequest, carphone: Frames) -> Luma:
    """Uint8 1 x H x W."""
    if request.param == "carphone":
        return carphone[:1, ..., 1]
    return photograph(300, 450)[None] if request.param == "coffee" else getattr(data, request.param)()[None]


def test_blur_grows_with_the_blur(picture: Luma) -> None:
    scores = [score(Blur(), picture), *(score(Blur(), blurred(picture, sigma)) for sigma in (1, 2, 4))]
    assert scores == sorted(scores)
    assert scores[0] < 0.4 < 0.5 < scores[2] < scores[3] < 1


def test_blur_in_one_direction_is_blur(picture: Luma) -> None:
    smeared = picture.astype(float)
    smeared = (sum(smeared[:, :, k : smeared.shape[2] - 12 + k] for k in range(13)) / 13).astype(np.uint8)
    assert score(Blur(), smeared) > score(Blur(), picture) + 0.25
    assert score(Blur(), smeared.transpose(0, 2, 1)) == pytest.approx(score(Blur(), smeared))


def test_blocks_are_found_wherever_their_grid_lies(picture: Luma) -> None:
    clean, blocky = score(Blockiness(), picture), jpeg(picture)
    scores = [score(Blockiness(), blocky[:, top:, left:]) for top, left in ((0, 0), (3, 5), (7, 1))]
    assert clean < 0.15
    assert min(scores) > clean + 0.25
    assert scores == pytest.approx([scores[0]] * 3, rel=0.1)


def test_blockiness_grows_with_compression(picture: Luma) -> None:
    scores = [score(Blockiness(), jpeg(picture, quality)) for quality in (95, 60, 30, 10)]
    assert scores == sorted(scores)


def test_nothing_to_see_has_no_blocks_and_no_edges() -> None:
    flat = np.full((2, 64, 64), 90, np.uint8)
    assert score(Blockiness(), flat) == 0
    assert score(Blur(), flat) == 1
    assert borders_of(flat) == (0, 0)


def test_an_underexposed_picture_is_dark_and_a_night_with_lamps_is_not(picture: Luma) -> None:
    night = darkened(picture)
    night[:, : night.shape[1] // 8] = 230
    assert score(Darkness(), picture) < 0.5
    assert score(Darkness(), darkened(picture)) > PANDA_70M.max_darkness
    assert score(Darkness(), night) < 0.2
    assert score(Darkness(), np.zeros_like(picture)) == 1


@pytest.mark.parametrize("level", [0, 90, 255])
def test_bars_are_measured_to_the_line(level: int) -> None:
    frames = pan(12, 4)[..., 1]
    assert borders_of(frames) == (0, 0)
    assert borders_of(letterboxed(frames, 20, level)) == (40 / 180, 0)
    assert borders_of(pillarboxed(frames, 33)) == (0, 66 / 320)
    assert borders_of(pillarboxed(letterboxed(frames, 20), 33)) == (40 / 180, 66 / 320)
    assert borders_of(np.concatenate([np.zeros_like(frames[:1]), letterboxed(frames, 20)])) == (40 / 180, 0)


def test_bars_are_found_after_strong_compression(tmp_path: Path) -> None:
    path = make_video(tmp_path / "bars.mp4", letterboxed(pan(12, 4), 20), "-c:v", "libx264", "-crf", "34")
    frames = np.concatenate(list(Clip(id="bars", domain="", path=path, kind="video").chunks(12)))[..., 1]
    assert borders_of(frames)[0] == pytest.approx(40 / 180, abs=2 / 180)


def test_subtitles_may_stand_in_a_bar() -> None:
    frames = letterboxed(pan(12, 4), 36)[..., 1]
    frames[6:, 156:162, 110:210:3] = 230
    assert borders_of(frames) == (72 / 180, 0)


def sky_at_night() -> Luma:
    frames = darkened(pan(12, 2), 0.15)[..., 1]
    frames[:, :60] = 4
    skyline = 60 - (np.arange(320) // 23 * 37 % 50)
    frames[:, :60][:, np.arange(60)[:, None] > skyline] = 30
    return frames


def floor() -> Luma:
    ramp = np.clip(np.arange(180, 0, -1)[:, None] + np.linspace(0, 40, 320), 20, 220)
    return noisy(np.repeat(np.where(ramp < 90, 90, ramp)[None].astype(np.uint8), 6, axis=0), 1)


DARK = {
    "photograph": lambda: darkened(pan(12, 4), 0.1)[..., 1],
    "noise": lambda: noisy(np.full((6, 120, 160), 6, np.uint8), 3),
    "night": sky_at_night,
    "floor": floor,
    "moon": lambda: data.moon()[None],
    "space": lambda: data.hubble_deep_field()[None, ..., 1],
}


@pytest.mark.parametrize("scene", DARK.values(), ids=DARK.keys())
def test_dark_and_plain_scenes_have_no_bars(scene: Callable[[], Luma]) -> None:
    assert borders_of(scene()) == (0, 0)


def test_mini_clips_have_no_bars(mini: dict[str, Clip]) -> None:
    for clip in mini.values():
        frames = next(clip.chunks(8))
        assert max(borders_of(frames[..., 1])) <= PANDA_70M.max_border_rows, clip.id
