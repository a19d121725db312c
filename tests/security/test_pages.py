"""Pages show names and messages out of files as text, whatever they hold, and load nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fuzz_support.corpus import frames, write_run
from tests_support import write_video

from tokenbench.cli import run as run_command

Call = Callable[..., Any]

MARKUP = "</script></style><img src=x onerror=alert(1)>\"'<script>alert(2)</script>&{{7*7}}"
# The same without what a file's name cannot hold.
FILE = MARKUP.replace("/", "\N{FRACTION SLASH}")


class Elements(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check(page: str) -> None:
    """No element that is not the template's own."""
    for tag, attributes in Elements(page).found:
        assert not [name for name in attributes if name.startswith("on") and name != "on"], (tag, attributes)
        assert attributes.get("src") != "x", (tag, attributes)
        address = attributes.get("src") or attributes.get("href") or ""
        assert not re.match(r"(javascript|https?):", address) or tag == "a", (tag, attributes)
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_a_report_shows_markup_as_text(tmp_path: Path, tokenbench: Call) -> None:
    run = write_run(tmp_path / "run", MARKUP, clips=(MARKUP.replace('"', "'"), "b"))
    text = (run / "result.json").read_text()
    escaped = MARKUP.replace('"', '\\"')
    for name in ("talk", "no network", "damaged", "bad.mp4", "set", "MIT"):
        text = text.replace(f'"{name}"', f'"{escaped}"')
    (run / "result.json").write_text(text)
    outcome = tokenbench("report", run, "--out", tmp_path / "report")
    assert outcome.code == 0, outcome.err
    page = (tmp_path / "report/index.html").read_text()
    check(page)
    assert "onerror=alert(1)" in page, "the names are shown"
    for figure in (tmp_path / "report").rglob("*.svg"):
        check(figure.read_text())
    inside = (tmp_path / "report").resolve()
    assert all(path.resolve().is_relative_to(inside) for path in inside.rglob("*"))


@pytest.fixture
def viewed(tmp_path: Path) -> Path:
    write_video(tmp_path / "clips" / f"{FILE}.mkv", frames())
    command = ["eval", "--tokenizer", "haar-4x8x8", "--dataset", str(tmp_path / "clips"), "--save-reconstructions"]
    assert run_command([*command, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


def test_a_view_shows_markup_as_text(viewed: Path, tmp_path: Path, tokenbench: Call) -> None:
    outcome = tokenbench("view", viewed, "--dataset", tmp_path / "clips", "--out", tmp_path / "view")
    assert outcome.code == 0, outcome.err
    page = (tmp_path / "view/index.html").read_text()
    check(page)
    assert "onerror=alert(1)" in page
    assert not [path for path in (tmp_path / "view").rglob("*") if re.search(r"[<>\"'&]", path.name)]


def test_messages_bring_no_control_codes_to_the_terminal(tmp_path: Path, tokenbench: Call) -> None:
    path = tmp_path / "a\x1b[31m\x07.toml"
    path.write_text("schema = 1")
    outcome = tokenbench("list", "clips", path)
    assert outcome.code == 2
    assert "schema is 1" in outcome.message
    assert outcome.message.isprintable()
