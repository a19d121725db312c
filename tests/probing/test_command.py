from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from probing_support import faulty
from tests_support import Outcome
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.probing.catalog import PROBES, find_probes
from tokenbench.probing.drawing import difference
from tokenbench.probing.probe import Subject
from tokenbench.probing.run import run_probes

Command = Callable[..., Outcome]

OVER_TIME = ["pan", "flash", "first-frame", "still"]
MINE = """
class Mine:
    info = {"name": "../<b>mine</b>", "kind": "continuous", "compression": [1, 8, 8]}

    def encode(self, video):
        if video.shape[2] > 9:
            raise ValueError("too long for <me>")
        return video

    def decode(self, tokens):
        return tokens.flip(1)
"""


def test_everything_is_written_and_nothing_is_loaded(tmp_path: Path, tokenbench: Command) -> None:
    out = tmp_path / "out"
    outcome = tokenbench("probe", "haar-4x8x8", "--size", "64", "--frames", "9", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "fault  pan" in outcome.out
    assert "ok     flat" in outcome.out
    record = json.loads((out / "probe.json").read_text())
    names = [probe["name"] for probe in record["probes"]]
    assert names == [probe.name for probe in PROBES]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [f"{name}.png" for name in names] + ["index.html", "probe.json"]
    )
    assert record["shown"] == {
        "size": 64,
        "frames": 9,
        "still_frames": 5,
        "reconstructions": "float frames, not rounded",
    }
    assert record["tokenizer"]["name"] == "haar-4x8x8"
    assert record["environment"]["device"] == "cpu"
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == len(PROBES)
    assert not re.search(r"https?://", page)
    assert not [name for name in ("<script", "<link", "@import") if name in page]
    for probe in record["probes"]:
        assert probe["verdict"].endswith(".")
        assert all(isinstance(figure["unit"], str) for figure in probe["figures"])


def test_the_same_command_gives_the_same_files(tmp_path: Path, tokenbench: Command) -> None:
    for name in ("a", "b"):
        tokenbench("probe", "haar-8x8", "--size", "64", "--only", "zone-plate", "--out", tmp_path / name)
    assert (tmp_path / "a/zone-plate.png").read_bytes() == (tmp_path / "b/zone-plate.png").read_bytes()
    first, second = (json.loads((tmp_path / name / "probe.json").read_text()) for name in ("a", "b"))
    assert first["probes"] == second["probes"]


def test_probes_over_time_do_not_apply_to_pictures(tmp_path: Path, tokenbench: Command) -> None:
    out = tmp_path / "out"
    outcome = tokenbench("probe", "haar-8x8", "--size", "64", "--only", "edge,still,flash", "--out", out)
    assert outcome.code == 0
    assert outcome.out.count("does not apply: ") == 2
    record = json.loads((out / "probe.json").read_text())
    assert [probe["name"] for probe in record["probes"]] == ["edge"]
    assert list(record["skipped"]) == ["flash", "still"]
    assert "Does not apply" in (out / "index.html").read_text()
    assert [probe.name for probe in PROBES if probe.over_time] == OVER_TIME


def test_one_that_fails_is_listed_and_the_others_go_on(
    tmp_path: Path, tokenbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    outcome = tokenbench("probe", "mine.py:Mine", "--size", "64", "--frames", "11", "--only", "colour-bars,pan")
    assert outcome.code == 1
    assert "failed: pan: ../<b>mine</b>.encode raised ValueError: too long for <me>" in outcome.err
    assert "channels in the order BGR" in outcome.out
    (out,) = Path("runs").iterdir()
    assert out.name.startswith("probe-")
    page = (out / "index.html").read_text()
    assert "<b>" not in page
    assert "too long for &lt;me&gt;" in page


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, tokenbench: Command) -> None:
    out = ("--out", tmp_path / "out")
    assert "did you mean flat?" in tokenbench("probe", "identity", "--only", "flt", *out).message
    assert "--window does not apply" in tokenbench("probe", "haar-8x8", "--window", "4", *out).message
    assert tokenbench("probe", "identity", "--size", "10", *out).code == 2
    assert "unknown tokenizer" in tokenbench("probe", "identitty", *out).message
    assert not (tmp_path / "out").exists()


def test_patterns_too_small_to_measure_on_are_refused() -> None:
    whole = faulty(lambda video: video)
    with pytest.raises(TokenBenchError, match="at least 64 pixels and 5 frames"):
        Subject(tokenizer=whole.tokenizer, compute=whole.compute, size=32)


def test_windows_go_through_as_in_an_evaluation(tmp_path: Path, tokenbench: Command) -> None:
    lengths: list[int] = []

    def change(video: Tensor) -> Tensor:
        lengths.append(video.shape[2])
        return video

    subject = faulty(change, size=64, window=8)
    run_probes(subject, find_probes(["still"]))
    assert lengths == [8] * 6 + [3]


def test_a_picture_holds_input_reconstruction_and_difference(tmp_path: Path, tokenbench: Command) -> None:
    outcome = run_probes(faulty(lambda video: video - 20 / 255, size=256), find_probes(["flat"]))
    finding = outcome.findings["flat"]
    assert outcome.faults == ["flat: shift"]
    assert np.median(difference(finding)) == 128 - 8 * 10
    tokenbench("probe", "identity", "--only", "flat", "--out", tmp_path)
    with Image.open(tmp_path / "flat.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    left, middle, right = (pixels[150, 12 + number * 268 + 100] for number in range(3))
    assert (left == middle).all()
    assert right.tolist() == [128, 128, 128]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed(tmp_path: Path, tokenbench: Command) -> None:
    tokenbench("probe", "haar-8x8", "--size", "64", "--only", "flat,still", "--out", tmp_path)
    tags = _Tags()
    tags.feed((tmp_path / "index.html").read_text())
    assert tags.open == []
