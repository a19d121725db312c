"""The command from end to end: a small table of the tests, a folder of tiny clips, an analytic tokenizer."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.evaluation import job
from tokenbench.registry import load_tokenizer
from tokenbench.reproduction import measure

Command = Callable[..., Any]


@pytest.fixture
def street(tmp_path: Path, carphone: NDArray[np.uint8]) -> Path:
    """Two tiny clips."""
    place = tmp_path / "street"
    write_video(place / "one.mkv", carphone[:10, :48, :64])
    write_video(place / "two.mkv", carphone[8:18, 40:88, 64:128])
    return place


def cells(out: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    with (out / "table5.csv").open(newline="") as file:
        return {(line["tokenizer"], line["section"], line["metric"]): line for line in csv.DictReader(file)}


def test_measured_stands_beside_published(tokenbench: Command, paper: Path, street: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = tokenbench("reproduce", "5", "--data", f"street={street}", "--out", out)
    assert outcome.code == 0, outcome.err
    found = cells(out)
    cell = found["haar-4x8x8", "Street", "PSNR"]
    result = json.loads((out / "runs" / cell["run"] / "result.json").read_text())
    assert float(cell["measured"]) == result["media"]["video"]["metrics"]["psnr"]["value"]
    assert float(cell["difference"]) == pytest.approx(float(cell["measured"]) - 30.0)
    assert cell["verdict"] == ("within tolerance" if abs(float(cell["difference"])) <= 0.1 else "off")
    assert (cell["published"], cell["protocol"]) == ("30.00", "paper/1+window=9")
    assert result["tokenizer"]["window_used"] == 9
    rfvd = found["haar-4x8x8", "Street", "rFVD"]
    assert (rfvd["verdict"], rfvd["reasons"]) == (
        "not run",
        "weights missing: tokenbench weights fetch i3d-kinetics400",
    )
    big = found["cosmos-cv-4x8x8", "Street", "PSNR"]
    assert big["reasons"] == "weights missing: tokenbench weights fetch cosmos-cv-4x8x8"
    far = found["haar-4x8x8", "Far away", "PSNR"]
    assert far["reasons"] == "data set missing: Far away (from nowhere); then --data far=FOLDER"
    assert {section for _, section, _ in found} == {"Street", "Far away"}
    assert "# Table 5: A table of the tests" in outcome.out
    assert r"\begin{tabular}" in (out / "table5.tex").read_text()


def test_part_of_the_data_is_other_data(tokenbench: Command, paper: Path, street: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "5", "--data", f"street={street}", "--limit", "1", "--frames", "5")
    assert tokenbench(*arguments, "--out", tmp_path / "out").code == 0
    cell = cells(tmp_path / "out")["haar-4x8x8", "Street", "PSNR"]
    assert cell["verdict"] == "other data"
    assert "clips: the first 1 of 2 (--limit)" in cell["reasons"]
    assert "frames: the first 5 of each clip (--frames)" in cell["reasons"]
    (street / "two.mkv").unlink()
    assert tokenbench("reproduce", "5", "--data", f"street={street}", "--out", tmp_path / "one").code == 0
    cell = cells(tmp_path / "one")["haar-4x8x8", "Street", "PSNR"]
    assert (cell["verdict"], cell["reasons"]) == ("other data", "clips: 1 in the folder given, 2 in the paper's Street")


def test_without_the_papers_data_mini_stands_in_and_says_so(tokenbench: Command, paper: Path, tmp_path: Path) -> None:
    outcome = tokenbench("reproduce", "all", "--limit", "1", "--frames", "1", "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "**These are not the paper's data." in outcome.out
    found = cells(tmp_path / "out")
    for name in ("haar-4x8x8", "haar-8x8"):
        cell = found[name, "mini", "PSNR"]
        assert (cell["verdict"], cell["published"]) == ("other data", "")
        assert float(cell["measured"]) > 20
    assert found["cosmos-cv-4x8x8", "mini", "PSNR"]["verdict"] == "not run"
    assert ("haar-8x8", "Street", "PSNR") not in found
    assert not [cell for cell in found.values() if cell["verdict"] == "off"]


def test_one_tokenizer_that_fails_does_not_lose_the_others(
    tokenbench: Command, paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, **settings: Any) -> Any:
        if name == "haar-4x8x8":
            raise RuntimeError("its file is torn\nfrom top to bottom")
        return load_tokenizer(name, **settings)

    monkeypatch.setattr(measure, "load_tokenizer", broken)
    outcome = tokenbench("reproduce", "5", "--limit", "1", "--frames", "1", "--out", tmp_path / "out")
    assert outcome.code == 1
    found = cells(tmp_path / "out")
    assert found["haar-4x8x8", "mini", "PSNR"]["reasons"] == "failed: RuntimeError: its file is torn"
    assert found["haar-8x8", "mini", "PSNR"]["verdict"] == "other data"


def test_an_interrupted_command_goes_on(
    tokenbench: Command, paper: Path, street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_clip, scored = job.score_clip, []

    def interrupted(clip: Any, *rest: Any, **more: Any) -> Any:
        scored.append(clip.id)
        if len(scored) == 2:
            raise KeyboardInterrupt
        return score_clip(clip, *rest, **more)

    monkeypatch.setattr(job, "score_clip", interrupted)
    arguments = ("reproduce", "5", "--data", f"street={street}", "--out", tmp_path / "out")
    assert tokenbench(*arguments).code == 130
    assert not (tmp_path / "out" / "table5.md").exists()
    assert [tokenbench(*arguments).code for _ in range(2)] == [0, 0]
    assert scored == ["one.mkv", "two.mkv", "two.mkv"]


def test_a_dry_run_says_what_would_be_run_and_writes_nothing(
    tokenbench: Command, paper: Path, street: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = tokenbench("reproduce", "5", "--dry-run", "--data", f"street={street}", "--out", out)
    assert outcome.code == 0
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["haar-4x8x8", "Street", "9", "none", "run"] in lines
    assert ["cosmos-cv-4x8x8", "Street", "17", "none", "weights", "missing"] in lines
    assert "weights missing: tokenbench weights fetch cosmos-cv-4x8x8" in outcome.out.splitlines()
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("4",), "no table '4': name 5 or all; Table 4 has nothing to measure"),
        (("5", "--data", "davis=clips"), "--data names 'davis', which these tables do not have: expected one of far, "),
        (("5", "--data", "street"), "'street' is not NAME=FOLDER"),
        (("5", "--data", "street=a", "--data", "street=b"), "'street' is given twice"),
        (("5", "--data", "street=nowhere"), "no data set or folder 'nowhere'"),
    ],
)
def test_bad_usage_is_one_line_before_any_work(
    tokenbench: Command, paper: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = tokenbench("reproduce", *arguments, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert message in outcome.message
    assert not (tmp_path / "out").exists()
