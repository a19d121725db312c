"""The page is one file, says what the runs say, and trusts none of their texts."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tokenbench.reporting.report import write_report

HOSTILE = '--></title><script>alert("x")</script><img src=x onerror=alert(1)>&'
_VOID = {"meta", "link", "img", "input"}


class Page(HTMLParser):
    """Collects what tests ask for: attributes that load something, ids, texts of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)
        self._attributes(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._attributes(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                self.loads.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


@pytest.fixture(scope="module")
def page(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(list(runs.values()), tmp_path_factory.mktemp("report")).read_text()


def test_the_page_is_well_formed(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))


def test_the_page_loads_nothing_from_outside(page: str) -> None:
    loads = Page(page).loads
    assert loads
    assert all(value.startswith(("data:", "#")) for _, _, value in loads)
    assert not re.search(r"url\((?!#)|@import", page)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\b *\(", page)


def test_references_inside_the_page_resolve(page: str) -> None:
    parsed = Page(page)
    wanted = {value[1:] for _, _, value in parsed.loads if value.startswith("#")}
    wanted |= set(re.findall(r"url\(#([^)]*)\)", page))
    assert wanted
    assert wanted <= set(parsed.ids)


def test_all_pictures_decode(page: str, runs: dict[str, Path]) -> None:
    pictures = [value for tag, _, value in Page(page).loads if tag == "img"]
    # Three pictures of six samples a run.
    assert len(pictures) == 3 * 6 * len(runs)
    for uri in pictures:
        Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).load()


def test_the_page_says_what_the_runs_say(page: str, runs: dict[str, Path]) -> None:
    result = json.loads((runs["jpeg-q70"] / "result.json").read_text())
    psnr = result["media"]["image"]["metrics"]["psnr"]
    assert f"{psnr['value']:.2f}" in page
    assert f"[{psnr['ci95'][0]:.2f}, {psnr['ci95'][1]:.2f}]" in page
    for text in ("6a1f" * 16, "10 log10(255^2 / MSE)", "decoder: 3 of 4 frames are damaged"):
        assert text in page
    assert "tokenbench eval jpeg-q70" in page
    assert "PSNR (dB) ↑" in page


def test_where_runs_differ_in_the_protocol_all_values_stand(page: str) -> None:
    assert "<dt>storage</dt><dd>none / yuv420p</dd>" in page


def test_hostile_texts_stay_texts(runs: dict[str, Path], change: Callable[..., Path], tmp_path: Path) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"] |= dict.fromkeys(("name", "kind", "source", "license", "weights_sha256"), HOSTILE)
        result["dataset"]["name"] = HOSTILE
        result["dataset"]["manifest_sha256"] = HOSTILE
        result["protocol"][HOSTILE] = HOSTILE
        result["environment"][HOSTILE] = {"a": HOSTILE}
        result["failed"] = [{"clip": HOSTILE, "error": HOSTILE}]
        result["samples"] = [
            {
                "rank": HOSTILE,
                "kind": HOSTILE,
                "clip": HOSTILE,
                "reference": "x.png",
                "reconstruction": f"{HOSTILE}.png",
            }
        ]

    folder = change(runs["means"], edit)
    (folder / "clips.csv").write_text('clip,domain,frames,height,width,fps,psnr\n"<script>a","<b>",1,2,3,0,30\n')
    text = write_report([folder], tmp_path / "out").read_text()
    parsed = Page(text)
    assert parsed.tags.count("script") == 2  # data and code
    assert parsed.tags.count("title") == 1
    assert parsed.tags.count("img") == 1  # the viewer's own
    assert parsed.handlers == []
    assert "&lt;script&gt;alert" in text


def test_a_sparse_result_makes_a_page(runs: dict[str, Path], change: Callable[..., Path], tmp_path: Path) -> None:
    def edit(result: dict[str, Any]) -> None:
        for key in ("media", "samples", "protocol", "failed", "environment"):
            del result[key]
        result["tokenizer"] = {"name": "compare"}
        result["dataset"] = {"name": "folder", "protocol": "compare/1"}
        del result["metrics"]["bits_per_pixel"]
        result["metrics"]["ssim"] = {"value": None}

    text = write_report([change(runs["means"], edit)], tmp_path / "out").read_text()
    assert "nothing shows that these runs saw the same clips" in text
    assert "Worst, median and best clip" not in text
    assert list((tmp_path / "out").glob("plots/*")) == []


def test_a_missing_picture_is_named_on_the_page(
    runs: dict[str, Path], change: Callable[..., Path], tmp_path: Path
) -> None:
    folder = change(runs["means"], lambda result: None, brief=True)  # its samples were left behind
    text = write_report([folder], tmp_path / "out").read_text()
    assert "No pictures: video-worst-reference.png is missing" in text


def test_parts_that_may_not_be_compared_are_apart(
    runs: dict[str, Path], change: Callable[..., Path], tmp_path: Path
) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["dataset"]["name"] = "elsewhere"

    parts = [change(runs["means"], lambda result: None, "here", brief=True), change(runs["means"], edit, brief=True)]
    text = write_report(parts, tmp_path / "out").read_text()
    assert "only results within one part may be compared" in text
    assert 'href="#part-2"' in text
    parsed = Page(text)
    assert len(parsed.ids) == len(set(parsed.ids))
