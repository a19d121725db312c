from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diff_support import Scores, write_scores

Command = Callable[..., Any]


def scores(shift: float, seed: int) -> Scores:
    base, noise = np.random.default_rng(0), np.random.default_rng(seed)
    clips = [f"video-{i}" for i in range(12)] + [f"photo-{i}" for i in range(3)]
    return {clip: {"psnr": base.normal(30, 3) + shift + noise.normal(0, 0.02)} for clip in clips}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """A run, one that is as good, and one that is worse and lacks a clip."""
    worse = {clip: values for clip, values in scores(-0.5, 3).items() if clip != "video-7"}
    return [
        write_scores(tmp_path / "base", scores(0.0, 1)),
        write_scores(tmp_path / "same", scores(0.0, 2)),
        write_scores(tmp_path / "worse", worse),
    ]


def lines(text: str, *starts: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.split()[: len(starts)] == list(starts)]


def test_the_table_shows_means_difference_and_verdict(folders: list[Path], tokenbench: Command) -> None:
    outcome = tokenbench("diff", *folders)
    assert outcome.code == 0
    same, worse = (row for row in lines(outcome.out, "video", "psnr") if "(dB)" in row)
    assert same[-2:] == ["no", "difference"]
    assert same[3] == "12"
    assert worse[-1] == "worse"
    assert worse[3] == "11"
    assert float(worse[6]) == pytest.approx(float(worse[5]) - float(worse[4]), abs=0.0011)
    assert "clips (video): 11 in both, 1 in A alone, 0 in C alone" in outcome.out
    assert lines(outcome.out, "video", "psnr")[-1] == ["video", "psnr", "1", "1", "3"]
    assert "Wilcoxon signed-rank test, two-sided; adjusted for 4 comparisons (Holm)" in outcome.out
    for label, folder in zip("ABC", folders, strict=True):
        assert lines(outcome.out, label) == [[label, f"tokenizer-{folder.name}", str(folder)]]


def test_a_run_can_be_named_by_its_result_and_compared_with_itself(folders: list[Path], tokenbench: Command) -> None:
    outcome = tokenbench("diff", folders[0] / "result.json", folders[0], "--fail-if", "psnr<0", "--fail-if", "psnr>0")
    assert outcome.code == 0
    assert outcome.out.count("no difference") == 2


def test_json_is_written(folders: list[Path], tokenbench: Command, tmp_path: Path) -> None:
    outcome = tokenbench("diff", *folders, "--json", tmp_path / "diff.json", "--metric", "psnr")
    written = json.loads((tmp_path / "diff.json").read_text())
    assert f"written to {tmp_path / 'diff.json'}" in outcome.out
    assert [(row["run"], row["media"], row["verdict"]) for row in written["differences"]] == [
        ("B", "video", "no difference"),
        ("B", "image", "no difference"),
        ("C", "video", "worse"),
        ("C", "image", "no difference"),
    ]


def test_a_limit_that_is_broken_ends_in_3_and_says_which(folders: list[Path], tokenbench: Command) -> None:
    outcome = tokenbench("diff", *folders, "--fail-if", "psnr<-0.3", "--json", folders[0] / "diff.json")
    assert outcome.code == 3
    failures = [line for line in outcome.err.splitlines() if line.startswith("failed: ")]
    assert [line[:40] for line in failures] == [
        f"failed: psnr<-0.3: psnr ({media}) of C diff"[:40] for media in ("video", "image")
    ]
    assert (folders[0] / "diff.json").is_file()


def test_a_limit_that_is_kept_ends_in_0(folders: list[Path], tokenbench: Command) -> None:
    assert tokenbench("diff", *folders, "--fail-if", "psnr<-0.6").code == 0
    assert tokenbench("diff", *folders[:2], "--fail-if", "psnr<-0.05").code == 0


def test_significance_spares_what_may_be_chance(folders: list[Path], tokenbench: Command) -> None:
    outcome = tokenbench("diff", *folders, "--fail-if", "psnr<-0.3", "--significant")
    assert outcome.code == 3
    assert "(video) of C" in outcome.err
    assert "(image)" not in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fail-if", "psnr=1"], "cannot read 'psnr=1'"),
        (["--fail-if", "vmaf<1"], "cannot judge vmaf<1: the metrics compared are psnr"),
        (["--metric", "vmaf"], "no run has the metric 'vmaf': they have psnr"),
        (["--significant"], "--significant needs --fail-if"),
    ],
)
def test_bad_usage_ends_in_2(folders: list[Path], tokenbench: Command, options: list[str], message: str) -> None:
    outcome = tokenbench("diff", *folders, *options)
    assert outcome.code == 2
    assert message in outcome.message


def test_runs_that_cannot_be_compared_end_in_2(folders: list[Path], tokenbench: Command, tmp_path: Path) -> None:
    other = write_scores(tmp_path / "other", scores(0.0, 1), storage="h264")
    outcome = tokenbench("diff", folders[0], other)
    assert outcome.code == 2
    assert str(folders[0]) in outcome.message
    assert f"{other} by protocol native/1 with storage h264" in outcome.message


def test_torch_is_not_loaded(folders: list[Path], tmp_path: Path) -> None:
    code = "import sys; from tokenbench.cli import run; assert run(['diff', *sys.argv[1:]]) == 0; "
    code += "print('torch' in sys.modules, 'numba' in sys.modules, 'av' in sys.modules)"
    command = [sys.executable, "-c", code, *map(str, folders)]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "False False False"
