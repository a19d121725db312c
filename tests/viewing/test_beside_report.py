"""`report --view N`: the page of the report leads to pages of pictures, which are there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests_support import forge
from viewing_support import PHOTO, VIDEO, Scene

Command = Callable[..., Any]


def test_the_report_links_to_the_hardest_clips(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert tokenbench("report", *scene.runs.values(), "--view", 1, "--out", out).code == 0
    text = (out / "index.html").read_text()
    ((address, titles),) = re.findall(r'<a href="(media/[^"]+)">([^<]+)</a>', text)
    assert titles == "jpeg-q75, haar-4x8x8"
    shown = (out / address).read_text()
    data = [json.loads(found) for found in re.findall(r'<script type="application/json">(.*?)</script>', shown, re.S)]
    assert {each["clip"] for each in data} == {VIDEO, PHOTO}
    files = [file for each in data for layer in each["layers"] for file in layer["stills"]]
    assert files
    assert all((out / address).with_name("index.html").parent.joinpath(file).is_file() for file in files)


def test_without_the_option_there_is_no_link(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    assert tokenbench("report", *scene.runs.values(), "--out", tmp_path / "report").code == 0
    assert "with a divider" not in (tmp_path / "report" / "index.html").read_text()


def test_parts_of_a_report_have_a_page_each_and_the_ceiling_alone_none(
    scene: Scene, tokenbench: Command, tmp_path: Path
) -> None:
    runs = [*scene.runs.values(), tmp_path / "cut"]
    shutil.copytree(scene.runs["jpeg-q75"], runs[-1])
    forge(runs[-1], lambda result: result["dataset"].update(protocol="paper/1+frames=5"))
    ceiling = tmp_path / "ceiling"
    shutil.copytree(scene.runs["jpeg-q75"], ceiling)
    forge(ceiling, lambda result: result["dataset"].update(protocol="paper/1+frames=3"))
    forge(ceiling, lambda result: result["tokenizer"].update(name="identity"))
    out = tmp_path / "report"
    assert tokenbench("report", *runs, ceiling, "--view", 1, "--out", out).code == 0
    found = re.findall(r'<a href="(media/[^"]+)">([^<]+)</a>', (out / "index.html").read_text())
    assert [titles for _, titles in found] == ["jpeg-q75, haar-4x8x8", "jpeg-q75"]
    assert all((out / address).is_file() for address, _ in found)
