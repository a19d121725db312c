from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import forge
from viewing_support import LOOP, PHOTO, VIDEO, Scene

from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.image import read_image
from tokenbench.media.video import read_chunks
from tokenbench.metrics import psnr

Command = Callable[..., Any]


class Elements(HTMLParser):
    """Every start tag with its attributes, and the page's data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[dict[str, Any]] = []
        self.text = ""
        self._in_data = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_data = tag == "script" and dict(attrs).get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data.append(json.loads(data))
            self._in_data = False
        else:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(scene: Scene) -> Elements:
    return Elements((scene.out / "index.html").read_text())


@pytest.fixture(scope="module")
def original(scene: Scene) -> NDArray[np.uint8]:
    """The video's frames, decoded from its file."""
    return np.concatenate(list(read_chunks(scene.clips / VIDEO, 10)))


def still(scene: Scene, stem: str, number: int) -> NDArray[np.uint8]:
    return read_image(scene.media / f"{stem}-{number:06d}.webp")


def shown(page: Elements, clip: str) -> dict[str, Any]:
    (data,) = (data for data in page.data if data["clip"] == clip)
    return data


def test_layers_are_the_original_then_reconstructions_then_errors(page: Elements) -> None:
    for clip in (VIDEO, PHOTO):
        names = [layer["name"] for layer in shown(page, clip)["layers"]]
        runs = ["haar-4x8x8", "jpeg-q75"]
        assert names == ["original", *runs, *(f"error of {name}" for name in runs)]
        assert shown(page, clip)["left"] == 0
        assert shown(page, clip)["right"] == 1


def test_pictures_say_what_they_are(page: Elements) -> None:
    texts = [image["alt"] for image in page.of("img") if image["alt"]]
    worst = shown(page, VIDEO)["frames"][shown(page, VIDEO)["start"]]
    assert f"original of {VIDEO}, frame {worst}" in texts
    assert f"haar-4x8x8 of {PHOTO}, frame 0" in texts


def test_names_that_are_markup_stay_text(scene: Scene, page: Elements) -> None:
    assert "<b>" not in (scene.out / "index.html").read_text()
    assert VIDEO in page.text
    assert not page.of("b")


def test_the_page_loads_nothing_but_the_files_beside_it(scene: Scene, page: Elements) -> None:
    text = (scene.out / "index.html").read_text()
    assert len(text) < 1_000_000
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"(?m)^\s*//.*", "", text))
    named = [image["src"] for image in page.of("img") if image.get("src")]
    for data in page.data:
        for layer in data["layers"]:
            named += [*layer["stills"], *([layer["loop"]] if layer["loop"] else [])]
    assert all(name and (scene.out / name).is_file() for name in named)
    assert not [tag for tag in page.of("script") + page.of("link") if "src" in tag or tag.get("rel") == "stylesheet"]


def test_stills_are_the_decoded_frames_bit_for_bit(scene: Scene, page: Elements, original: NDArray[np.uint8]) -> None:
    numbers = shown(page, VIDEO)["frames"]
    assert {0, 9} <= set(numbers)
    saved = np.concatenate(list(read_chunks(next((scene.runs["jpeg-q75"] / "reconstructions").glob("*.mkv")), 10)))
    for number in numbers:
        assert np.array_equal(still(scene, "original", number), original[number])
        assert np.array_equal(still(scene, "run-jpeg-q75", number), saved[number])


def test_what_is_made_anew_is_what_was_scored(scene: Scene, page: Elements, original: NDArray[np.uint8]) -> None:
    with (scene.runs["haar-4x8x8"] / "frames.csv").open(newline="") as lines:
        scores = [float(row["psnr"]) for row in csv.DictReader(lines)]
    numbers = shown(page, VIDEO)["frames"]
    for number in numbers:
        assert psnr(original[number], still(scene, "run-haar-4x8x8", number)) == pytest.approx(scores[number], abs=1e-4)
    assert shown(page, VIDEO)["layers"][1]["psnr"] == [f"{scores[number]:.2f}" for number in numbers]
    assert numbers[shown(page, VIDEO)["start"]] == int(np.argmin(scores))
    assert "made anew on cpu" in page.text
    assert "saved by the run" in page.text
    assert "not those that were scored" not in page.text


def test_loops_play_the_frames_that_they_say(scene: Scene, page: Elements, original: NDArray[np.uint8]) -> None:
    first, last = map(int, re.findall(r"\d+", shown(page, VIDEO)["loop"]))
    for layer in shown(page, VIDEO)["layers"]:
        frames = np.concatenate(list(read_chunks(scene.out / layer["loop"], LOOP + 1)))
        assert frames.shape == (LOOP, 95, 121, 3) == (last - first + 1, 95, 121, 3)
        if layer["name"] == "original":
            assert psnr(frames, original[first : last + 1]) > 32
    assert shown(page, PHOTO)["loop"] == ""


def test_the_same_call_again_makes_nothing_anew_and_mends_what_is_lost(scene: Scene, tokenbench: Command) -> None:
    out = scene.out.with_name("again")
    shutil.copytree(scene.out, out)
    line = ["view", *scene.runs.values(), "--stills", 3, "--loop", LOOP, "--out", out]
    stamps = {file: file.stat().st_mtime_ns for file in (out / "media").rglob("*.*")}
    assert tokenbench(*line).code == 0
    assert {file: file.stat().st_mtime_ns for file in (out / "media").rglob("*.*")} == stamps
    lost = next((out / "media").glob("talk*/run-haar-4x8x8-*.webp"))
    content = lost.read_bytes()
    lost.unlink()
    assert tokenbench(*line).code == 0
    assert lost.read_bytes() == content
    changed = {file.name for file in stamps if file.is_file() and file.stat().st_mtime_ns != stamps[file]}
    assert changed
    assert all(name.startswith("run-haar-4x8x8") for name in changed)


def test_pixels_that_were_not_scored_are_marked(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(scene.runs["jpeg-q75"], altered)
    text = (altered / "frames.csv").read_text()
    (altered / "frames.csv").write_text(re.sub(r",(\d)(\d\.\d+)$", r",1\2", text, flags=re.MULTILINE))
    forge(altered)
    outcome = tokenbench("view", altered, "--clip", VIDEO, "--loop", 0, "--out", tmp_path / "out")
    assert outcome.code == 0
    text = (tmp_path / "out" / "index.html").read_text()
    assert "these frames are not those that were scored: their PSNR differs from the run&#39;s by up to 2" in text


def test_a_run_that_failed_on_a_clip_says_so_beside_the_others(
    scene: Scene, tokenbench: Command, tmp_path: Path
) -> None:
    failing = tmp_path / "failing"
    shutil.copytree(scene.runs["haar-4x8x8"], failing)
    rows = [line for line in (failing / "clips.csv").read_text().splitlines() if not line.startswith('"talk')]
    (failing / "clips.csv").write_text("\n".join(rows) + "\n")
    failure = {"clip": VIDEO, "error": "decoder: 3 frames are damaged"}
    forge(failing, lambda result: result.update(tokenizer=result["tokenizer"] | {"name": "failing"}, failed=[failure]))
    outcome = tokenbench("view", scene.runs["jpeg-q75"], failing, "--clip", VIDEO, "--loop", 0, "--out", tmp_path / "o")
    assert outcome.code == 1
    assert f"not shown: {VIDEO}: failing: decoder: 3 frames are damaged" in outcome.err
    page = Elements((tmp_path / "o" / "index.html").read_text())
    assert [layer["name"] for layer in page.data[0]["layers"]] == ["original", "jpeg-q75", "error of jpeg-q75"]
    assert "decoder: 3 frames are damaged" in page.text


def test_originals_that_were_stored_are_shown_as_stored(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    run = tmp_path / "stored"
    line = ["--dataset", scene.clips, "--tokenizer", "jpeg-q75", "--storage", "h264-qp28", "--save-reconstructions"]
    assert tokenbench("eval", *line, "--tokens", "off", "--out", run).code == 0
    out = tmp_path / "out"
    assert tokenbench("view", run, "--clip", VIDEO, "--stills", 2, "--loop", 0, "--out", out).code == 0
    assert "stored as h264-qp28" in (out / "index.html").read_text()
    with (run / "frames.csv").open(newline="") as lines:
        scores = [float(row["psnr"]) for row in csv.DictReader(lines)]
    there = replace(scene, out=out)
    for number in (0, 9):
        pair = still(there, "original", number), still(there, "run-jpeg-q75", number)
        assert psnr(*pair) == pytest.approx(scores[number], abs=1e-4)
    outcome = tokenbench("view", run, scene.runs["jpeg-q75"], "--out", out)
    assert outcome.code == 2
    assert "differ in storage of the originals" in outcome.message


def test_another_data_set_is_refused(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    other = tmp_path / "clips"
    shutil.copytree(scene.clips, other)
    (other / PHOTO).write_bytes((other / PHOTO).read_bytes() + b"\0")
    assert open_dataset(str(other)).manifest_sha256 != open_dataset(str(scene.clips)).manifest_sha256
    outcome = tokenbench("view", scene.runs["jpeg-q75"], "--dataset", other, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "is not the one that" in outcome.message
    assert not (tmp_path / "out").exists()


def test_a_data_set_that_is_gone_is_named(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("result.json", "clips.csv"):
        shutil.copy(scene.runs["jpeg-q75"] / name, run)
    forge(run, lambda result: result["environment"]["inputs"].update(dataset="gone"))
    outcome = tokenbench("view", run, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "say where with 'tokenbench view --dataset'" in outcome.message


def test_a_tokenizer_that_cannot_be_loaded_is_named(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(scene.runs["haar-4x8x8"], run)
    forge(run, lambda result: result["environment"]["inputs"].update(tokenizer="haar-4x8x9"))
    outcome = tokenbench("view", run, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "unknown tokenizer 'haar-4x8x9'" in outcome.message
    assert "--save-reconstructions" in outcome.message


def test_runs_of_one_tokenizer_are_told_apart(scene: Scene, tokenbench: Command, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(scene.runs["jpeg-q75"], copy)
    line = [scene.runs["jpeg-q75"], copy, copy / "result.json", "--clip", PHOTO, "--out", tmp_path / "out"]
    assert tokenbench("view", *line).code == 0
    page = Elements((tmp_path / "out" / "index.html").read_text())
    names = [layer["name"] for layer in page.data[0]["layers"]]
    assert names[1:3] == ["jpeg-q75 [jpeg-q75]", "jpeg-q75 [copy]"]
