"""The page in a real browser, with real clicks and drags: what is seen are the pixels of the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_support import audit, needs_axe
from browser_support import CHROMEDRIVER, CHROMIUM, Browser, browser
from numpy.typing import NDArray
from viewing_support import Scene

from tokenbench.media.image import read_image

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None, reason="no chromium with chromedriver on this machine"
)

STAGE = "#clip-1 .stage"
DIVIDER = "#clip-1 .divider"


@pytest.fixture(scope="module")
def window(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(window: Browser, scene: Scene) -> Iterator[Browser]:
    """Freshly loaded; nothing may have complained in the end."""
    window.open(scene.out / "index.html")
    window.script("document.querySelector('#clip-1').scrollIntoView()")
    yield window
    assert window.errors() == []


@pytest.fixture(scope="module")
def data(scene: Scene) -> dict[str, Any]:
    text = (scene.out / "index.html").read_text()
    found = re.search(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


class Stage:
    """What is seen of the stage, and what the files say should be seen there."""

    def __init__(self, page: Browser, scene: Scene, data: dict[str, Any]) -> None:
        self._page, self._scene, self._data = page, scene, data

    def seen(self) -> NDArray[np.uint8]:
        return self._page.picture(STAGE)

    def expected(self, layer: int, still: int, zoom: int) -> tuple[NDArray[np.uint8], slice, slice]:
        """A layer's pixels enlarged, and the rows and columns of the stage where they lie while all of it is seen."""
        picture = read_image(self._scene.out / self._data["layers"][layer]["stills"][still])
        large = picture.repeat(zoom, 0).repeat(zoom, 1)
        height, width = self.seen().shape[:2]
        top, left = (
            round_half_up((side - own) / 2) for side, own in zip((height, width), large.shape[:2], strict=True)
        )
        return large, slice(top, top + large.shape[0]), slice(left, left + large.shape[1])

    def zoom(self) -> int:
        return int(self._page.script("return document.querySelector('#clip-1 .scale').textContent").split()[0]) // 100

    def shows(self, left: int, right: int, still: int, divider: float) -> None:
        """The layers on both sides of the divider, pixel for pixel; the line and the labels lie over some."""
        seen, zoom = self.seen(), self.zoom()
        middle = seen.shape[1] * divider
        for layer, columns in ((left, np.arange(seen.shape[1]) < middle - 25), (right, None)):
            large, rows, place = self.expected(layer, still, zoom)
            side = columns if columns is not None else np.arange(seen.shape[1]) > middle + 25
            clear = np.zeros(seen.shape[:2], bool)
            clear[rows, place] = side[place]
            clear[:40] = False
            whole = np.zeros_like(seen)
            whole[rows, place] = large
            assert clear.sum() > 1000
            assert np.array_equal(seen[clear], whole[clear])


def round_half_up(value: float) -> int:
    """As Math.round."""
    return int(np.floor(value + 0.5))


@pytest.fixture
def stage(page: Browser, scene: Scene, data: dict[str, Any]) -> Stage:
    return Stage(page, scene, data)


def test_enlarged_pixels_of_both_sides_are_those_of_the_files(stage: Stage, data: dict[str, Any]) -> None:
    assert stage.zoom() >= 2
    stage.shows(0, 1, data["start"], 0.5)


def test_dragging_the_divider_uncovers_the_other_side(page: Browser, stage: Stage, data: dict[str, Any]) -> None:
    before = stage.seen()
    page.drag(DIVIDER, -200)
    after = stage.seen()
    assert not np.array_equal(before, after)
    share = 0.5 - 200 / before.shape[1]
    stage.shows(0, 1, data["start"], share)
    said = page.script(f"return document.querySelector('{DIVIDER}').getAttribute('aria-valuenow')")
    assert int(said) == round(100 * share)


def test_the_divider_obeys_the_keyboard(page: Browser, stage: Stage, data: dict[str, Any]) -> None:
    page.press(DIVIDER, "ArrowLeft", "ArrowLeft", "ArrowLeft")
    state = f"const it = document.querySelector('{DIVIDER}'); return [it.ariaValueNow, it.ariaValueText, it.role]"
    assert page.script(state) == ["47", "47 % original, the rest haar-4x8x8", "slider"]
    page.press(DIVIDER, "Home")
    assert page.script(state)[0] == "0"
    large, rows, place = stage.expected(1, data["start"], stage.zoom())
    assert np.array_equal(stage.seen()[rows, place][60:], large[60:])


def test_layers_frames_and_sides_can_be_chosen(page: Browser, stage: Stage, data: dict[str, Any]) -> None:
    page.click('#clip-1 select[data-side="left"] option[value="2"]')
    page.click('#clip-1 select[data-side="right"] option[value="4"]')
    stage.shows(2, 4, data["start"], 0.5)
    page.click("#clip-1 .swap")
    stage.shows(4, 2, data["start"], 0.5)
    page.press("#clip-1 .frame", "Home")
    stage.shows(4, 2, 0, 0.5)
    number = page.script("return document.querySelector('#clip-1 output.number').textContent")
    assert number == str(data["frames"][0])
    cells = page.script("return [...document.querySelectorAll('#clip-1 [data-run]')].map((cell) => cell.textContent)")
    assert cells == [data["layers"][layer]["psnr"][0] for layer in (1, 2)]
    alts = page.script("return [...document.querySelectorAll('#clip-1 .stage img')].map((image) => image.alt)")
    assert alts == [f"{data['layers'][layer]['name']} of {data['clip']}, frame {data['frames'][0]}" for layer in (4, 2)]


def test_buttons_wheel_and_keys_zoom(page: Browser, stage: Stage, data: dict[str, Any]) -> None:
    zoom = stage.zoom()
    page.click('#clip-1 [data-zoom="out"]')
    assert stage.zoom() < zoom
    stage.shows(0, 1, data["start"], 0.5)
    page.click('#clip-1 [data-zoom="natural"]')
    assert stage.zoom() == 1
    page.wheel(STAGE, -120)
    assert stage.zoom() == 2
    page.press(STAGE, "+", "+")
    assert stage.zoom() == 4
    page.wheel(STAGE, 120)
    assert stage.zoom() == 3


def test_dragging_a_picture_moves_it_and_all_others(page: Browser, stage: Stage) -> None:
    page.click("#clip-1 .every")
    for _ in range(4):
        page.click('#clip-1 [data-zoom="in"]')
    code = "return [...document.querySelectorAll('#clip-1 .view img')].map((it) => it.style.transform)"
    before = page.script(code)
    page.drag("#clip-1 .all figure:nth-child(2) .view", 30, -20)
    after = page.script(code)
    assert len(after) == 7
    moves = [
        tuple(int(b) - int(a) for a, b in zip(*(re.findall(r"(-?\d+)px", text)[:2] for text in pair), strict=True))
        for pair in zip(before, after, strict=True)
    ]
    assert set(moves) == {(30, -20)}


def test_loops_play_together_in_true_colours(page: Browser, stage: Stage) -> None:
    still = stage.seen().astype(int)
    page.click("#clip-1 .play")
    played = page.script("""
        const videos = [...document.querySelectorAll("#clip-1 .stage video")];
        const one = (video) => new Promise((resolve, reject) => {
          video.addEventListener("error", () => reject(video.error.message));
          const look = () => video.currentTime > 0 ? resolve(video.videoWidth) : requestAnimationFrame(look);
          look();
        });
        return Promise.all(videos.map(one));
    """)
    assert played == [121, 121]
    moving = stage.seen().astype(int)
    assert not np.array_equal(still, moving)
    # The mean colour of a talking head hardly changes; another matrix would move it by several levels.
    assert np.abs(still[45:].mean((0, 1)) - moving[45:].mean((0, 1))).max() < 2
    page.click("#clip-1 .play")
    assert np.array_equal(stage.seen(), still)


@pytest.mark.parametrize("width", [1280, 520])
def test_the_page_never_scrolls_sideways(width: int, scene: Scene, tmp_path: Path) -> None:
    with browser(tmp_path / "profile", width) as opened:
        opened.open(scene.out / "index.html")
        opened.click("#clip-1 .every")
        sizes = "const it = document.documentElement; return [it.scrollWidth, it.clientWidth, it.dataset.ready]"
        scrolled, wide, ready = opened.script(sizes)
        assert ready == "true"
        assert scrolled <= wide


@needs_axe
@pytest.mark.parametrize("width", [1280, 520])
def test_axe_finds_nothing(width: int, scene: Scene, tmp_path: Path) -> None:
    with browser(tmp_path / "profile", width) as opened:
        opened.open(scene.out / "index.html")
        opened.click("#clip-1 .every")
        told, passed = audit(opened)
        assert told == []
        assert passed > 20
