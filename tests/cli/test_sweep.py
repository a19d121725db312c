"""Several points of a codec in one command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenbench.evaluation import job
from tokenbench.media.clip import Clip

Command = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.setattr("sys.argv", ["tokenbench"])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def sweep(dataset: Path, *more: object) -> tuple[object, ...]:
    return ("eval", "--tokenizer", "jpeg", "--sweep", "quality=30,80", "--dataset", dataset, *more)


def test_every_point_is_the_run_that_its_name_alone_gives(tokenbench: Command, folder: Path, place: Path) -> None:
    outcome = tokenbench(*sweep(folder))
    assert outcome.code == 0, outcome.err
    made = sorted(path.name.rpartition("-")[0] for path in Path("runs").iterdir())
    assert made == ["jpeg-q30-clips", "jpeg-q80-clips"]
    before = {path: path.read_bytes() for path in Path("runs").rglob("result.json")}
    assert tokenbench("eval", "--tokenizer", "jpeg-q30", "--dataset", folder).code == 0
    assert {path: path.read_bytes() for path in Path("runs").rglob("result.json")} == before
    assert "jpeg-q30, jpeg-q80: 100%" in outcome.err


def test_the_table_of_the_curve_ends_it(tokenbench: Command, folder: Path, place: Path) -> None:
    outcome = tokenbench(*sweep(folder, "--out", "curve"))
    lines = [line.split() for line in outcome.out.splitlines()[-6:]]
    assert lines[0] == ["over", "tokenizer", "bits_per_pixel", "psnr", "ssim"]
    assert [line[:3] for line in lines[2:]] == [
        [count, kind, name]
        for count, kind in (("2", "videos"), ("1", "photographs"))
        for name in ("jpeg-q30", "jpeg-q80")
    ]
    for line in lines[2:]:
        result = json.loads(Path("curve", line[2], "result.json").read_text())
        metrics = result["media"]["video" if line[1] == "videos" else "image"]["metrics"]
        assert line[3:5] == [f"{metrics['bits_per_pixel']['value']:.4f}", f"{metrics['psnr']['value']:.3f}"]
        assert result["tokenizer"]["settings"] == {}


def test_a_point_that_fails_does_not_lose_the_others(tokenbench: Command, folder: Path, place: Path) -> None:
    other = ("eval", "--tokenizer", "identity", "--dataset", folder, "--out", "curve/jpeg-q30")
    assert tokenbench(*other).code == 0
    outcome = tokenbench(*sweep(folder, "--out", "curve"))
    assert outcome.code == 1
    assert "failed: jpeg-q30: " in outcome.err
    assert "holds a run with other settings" in outcome.err
    assert json.loads(Path("curve/jpeg-q80/result.json").read_text())["tokenizer"]["name"] == "jpeg-q80"
    assert json.loads(Path("curve/jpeg-q30/result.json").read_text())["tokenizer"]["name"] == "identity"


def test_where_no_point_can_be_evaluated_bad_usage_is_said(tokenbench: Command, folder: Path, place: Path) -> None:
    outcome = tokenbench(
        *("eval", "--tokenizer", "h264", "--sweep", "crf=20,30", "--set", "preset=sloow", "--dataset", folder)
    )
    assert outcome.code == 2
    lines = [line for line in outcome.err.splitlines() if line.startswith("tokenbench: ")]
    assert [line.split()[1] for line in lines] == ["h264-crf20:", "h264-crf30:"]
    assert not Path("runs").exists()


def test_an_interrupted_sweep_goes_on(
    tokenbench: Command, folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_clip, scored = job.score_clip, []

    def interrupted(clip: Clip, tokenizer: Any, *rest: Any, **more: Any) -> Any:
        scored.append((tokenizer.info.name, clip.id))
        if len(scored) == 5:
            raise KeyboardInterrupt
        return score_clip(clip, tokenizer, *rest, **more)

    monkeypatch.setattr(job, "score_clip", interrupted)
    assert tokenbench(*sweep(folder)).code == 130
    assert tokenbench(*sweep(folder)).code == 0
    # The third clip, which was under way, is scored again; the two before it are not.
    finished = [(point, clip) for point, clip in scored if clip != "photo.png"]
    assert sorted(finished) == [(point, clip) for point in ("jpeg-q30", "jpeg-q80") for clip in ("even.mkv", "odd.mkv")]
    assert {point for point, clip in scored[5:] if clip == "photo.png"} == {"jpeg-q30", "jpeg-q80"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("h264",), "h264 has many operating points: name one, as h264-crf23"),
        (("h264", "--sweep", "crf=23,99"), "h264-crf99: crf is 99, expected 0 to 51"),
        (("h264", "--sweep", "crf=23,23"), "--sweep names h264-crf23 twice"),
        (("h264", "--sweep", "crf"), "'crf' is not NAME=VALUE,VALUE,..."),
        (("h264", "--sweep", "crf=23,"), "'crf=23,' is not NAME=VALUE,VALUE,..."),
        (("h264", "--sweep", "quality=23"), "the points of h264 differ in crf"),
        (("identity", "--sweep", "crf=23"), "identity is one tokenizer: --sweep needs a family of them"),
        (("mine.py:Codec", "--sweep", "crf=23"), "mine.py:Codec is one tokenizer: --sweep needs a family of them"),
        (("nobody", "--sweep", "crf=23"), "unknown tokenizer 'nobody-crf23'"),
    ],
)
def test_bad_usage_is_one_line_before_any_work(
    tokenbench: Command, place: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = tokenbench("eval", "--tokenizer", *arguments)
    assert outcome.code == 2
    assert message in outcome.message
    assert not Path("runs").exists()
