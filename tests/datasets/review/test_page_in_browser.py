"""The page in a real browser, with real keys and clicks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tokenbench.datasets.review.decisions import read_decisions
from tokenbench.datasets.review.server import ReviewServer

Browser = Any

TITLE = 'document.getElementById("title").textContent'
PROGRESS = 'document.getElementById("progress").textContent'
SAVED = 'document.getElementById("problem").hidden && waiting === 0'
SHEET = '!document.getElementById("sheet").hidden && document.getElementById("sheet").naturalWidth > 0'


@pytest.fixture
def server(build: Path, serve: Callable[..., Any]) -> Iterator[ReviewServer]:
    """Of the videos alone."""
    with serve(build, "panda70m") as server:
        yield server


def test_a_set_is_reviewed_by_keys_alone(browser: Browser, server: ReviewServer, build: Path, hostile: str) -> None:
    browser.open(server.address)
    assert browser.ask(TITLE) == "one"
    assert browser.ask(PROGRESS) == "0 of 3 decided"
    browser.wait(SHEET)
    browser.press("k")
    assert browser.ask(TITLE) == hostile
    assert "one kept." in browser.ask('document.getElementById("said").textContent')
    assert browser.ask('document.querySelector("#reasons li").textContent') == "motion 0.002 is below 0.01 <b>"
    browser.press("r")
    for letter in "dull":
        browser.press(letter)
    browser.press("Enter")
    browser.press("d")
    browser.press("k")
    browser.press("u")
    browser.wait(SAVED)
    assert browser.ask(PROGRESS) == "2 of 3 decided"
    read = read_decisions(build)
    assert read.dropped("panda70m") == {hostile: "dull"}
    assert [clip for clip in ("one", "lossless") if read.of("panda70m", clip)] == ["one"]
    assert browser.errors == []


def test_what_was_decided_is_there_when_the_page_is_opened_again(
    browser: Browser, server: ReviewServer, build: Path, hostile: str
) -> None:
    browser.open(server.address)
    browser.press("d")
    browser.wait(SAVED)
    browser.open(server.address)
    assert browser.ask(TITLE) == hostile, "the first that is undecided"
    browser.press("ArrowLeft")
    assert browser.ask('document.getElementById("state").textContent') == "dropped"
    path = build / "decisions.json"
    path.write_text(path.read_text().replace(server.items[0].clip.sha256, "00" * 32))
    browser.open(server.address)
    assert browser.ask('document.getElementById("state").textContent') == "dropped, but the file has changed since"
    assert browser.ask(PROGRESS) == "0 of 3 decided"


def test_a_mouse_does_as_well(browser: Browser, server: ReviewServer, build: Path) -> None:
    browser.open(server.address)
    browser.click("[data-choice=drop]")
    browser.wait(SAVED)
    assert read_decisions(build).dropped("panda70m") == {"one": ""}
    browser.press(" ")
    assert len(read_decisions(build).sets["panda70m"]) == 1, "space must not press the button again"
    browser.click("[data-filter=flagged]")
    assert browser.ask("shown.length") == 1
    browser.click("[data-filter=dropped]")
    assert browser.ask(TITLE) == "one"
    browser.click("[data-filter=kept]")
    assert not browser.ask('document.getElementById("nothing").hidden')
    browser.click("[data-filter=undecided]")
    assert browser.ask("shown.length") == 2


def test_a_decided_clip_stays_within_reach_among_the_undecided(browser: Browser, server: ReviewServer) -> None:
    browser.open(server.address)
    browser.click("[data-filter=undecided]")
    browser.press("d")
    browser.press("ArrowLeft")
    assert browser.ask(TITLE) == "one"
    assert browser.ask('document.querySelector("[data-filter=undecided] span").textContent') == "2"


def test_a_key_that_is_held_decides_once(browser: Browser, server: ReviewServer) -> None:
    browser.open(server.address)
    browser.press("d")
    browser.press("d", repeated=True)
    assert browser.ask(PROGRESS) == "1 of 3 decided"


def test_the_clip_plays_where_the_browser_can(browser: Browser, server: ReviewServer) -> None:
    browser.open(server.address)
    browser.wait('document.getElementById("video").currentTime > 0')
    assert browser.ask('document.getElementById("video").videoWidth') == 176
    browser.press(" ")
    assert browser.ask('document.getElementById("video").paused')
    browser.press(" ")
    browser.wait('!document.getElementById("video").paused')
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    assert browser.ask('document.getElementById("video").hidden')
    assert "losslessly" in browser.ask('document.getElementById("unplayed").textContent')
    browser.wait(SHEET)


def test_the_grid_is_walked_by_arrows(browser: Browser, server: ReviewServer, build: Path, hostile: str) -> None:
    browser.open(server.address)
    browser.press("g")
    browser.press("ArrowRight")
    browser.press("d")
    browser.wait(SAVED)
    assert read_decisions(build).dropped("panda70m") == {hostile: ""}
    assert browser.ask("document.activeElement.querySelector('b').textContent") == "lossless"
    states = '[...document.querySelectorAll("#grid .state")].map((state) => state.textContent)'
    assert browser.ask(states) == ["undecided", "dropped", "undecided"]
    browser.wait('[...document.querySelectorAll("#grid img")].every((image) => image.naturalWidth > 0)')
    browser.press("Enter")
    browser.wait('!document.getElementById("single").hidden')
    assert browser.ask(TITLE) == "lossless"
    assert browser.errors == []


def test_what_cannot_be_saved_is_taken_back_and_said(browser: Browser, server: ReviewServer, build: Path) -> None:
    browser.open(server.address)
    (build / "decisions.json").write_text("mine")
    browser.press("d")
    browser.wait('!document.getElementById("problem").hidden')
    assert "repair or remove it" in browser.ask('document.getElementById("problem").textContent')
    assert browser.ask(PROGRESS) == "0 of 3 decided"
    (build / "decisions.json").unlink()
    browser.press("ArrowLeft")
    browser.press("d")
    browser.wait(SAVED)
    assert browser.ask(PROGRESS) == "1 of 3 decided"


def test_a_clip_without_a_sheet_says_why(browser: Browser, server: ReviewServer, build: Path) -> None:
    (build / "panda70m/one.mp4").unlink()
    browser.open(server.address)
    browser.wait('!document.getElementById("broken").hidden')
    assert "one.mp4" in browser.ask('document.getElementById("broken").textContent')


def test_several_sets_are_chosen_from(browser: Browser, build: Path, serve: Callable[..., Any]) -> None:
    with serve(build) as server:
        browser.open(server.address)
        assert browser.ask(PROGRESS) == "0 of 1 decided"
        assert browser.ask('document.querySelector("#unplayed").hidden')
        browser.ask('sets.value = "panda70m"; sets.dispatchEvent(new Event("change"))')
        assert browser.ask(PROGRESS) == "0 of 3 decided"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 500])
def test_it_fits_and_can_be_read(width: int, scheme: str, browser: Browser, server: ReviewServer) -> None:
    browser.open(server.address, width=width, scheme=scheme)
    browser.wait(SHEET)
    for key in ("ArrowRight", "g"):
        assert browser.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), key
        browser.press(key)
    assert min(browser.ask(CONTRASTS)) >= 4.5
    unnamed = 'input:not([id="reason"]), button:empty, img:not([alt]), progress:not([aria-labelledby])'
    assert browser.ask(f"document.querySelectorAll({json.dumps(unnamed)}).length") == 0


# Of every text on the page against what lies behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """(() => {
  const values = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => values(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (values(colour)[3] !== 0) return colour;
    }
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.checkVisibility() && hasText(element))
    .map((element) => {
      const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    });
})()"""
