"""A report over runs that do not fit together, or that lack something: shown apart, or refused in one line."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diff_support import write_scores

from tokenbench.reporting.leaderboard import Group, group_runs
from tokenbench.reporting.report import write_report
from tokenbench.reporting.runs import load_runs

Call = Callable[..., Any]

SCORES = {f"clip{i}": {"psnr": 30.0 + i, "ssim": 0.75} for i in range(3)}


def groups_of(*folders: Path) -> list[Group]:
    return group_runs(load_runs(folders))


def members(groups: list[Group]) -> list[list[str]]:
    return [sorted(entry.run.name for entry in group.entries) for group in groups]


@pytest.mark.parametrize(
    "other",
    [{"protocol": "ffmpeg/1"}, {"protocol": "paper/2"}, {"protocol": "paper/1+frames=17"}, {"manifest": "0" * 64}],
)
def test_other_protocols_versions_and_clips_have_tables_of_their_own(other: dict[str, str], tmp_path: Path) -> None:
    write_scores(tmp_path / "a", SCORES, protocol="paper/1")
    write_scores(tmp_path / "b", SCORES, **{"protocol": "paper/1"} | other)  # type: ignore[arg-type]
    write_report([tmp_path / "a", tmp_path / "b"], tmp_path / "report")
    text = (tmp_path / "report/leaderboard.md").read_text()
    boards = [part for part in text.split("\n## ")[1:] if "| Tokenizer | Storage |" in part]
    assert [("tokenizer-a" in part, "tokenizer-b" in part) for part in boards] == [(True, False), (False, True)]
    assert "only results within one part may be compared" in (tmp_path / "report/index.html").read_text()


def test_storages_stand_in_one_table_and_are_not_ranked_together(tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, SCORES, storage=name) for name in ("none", "h264")]
    (group,) = groups_of(*folders)
    assert [(row.run.storage, dict(row.ranks)) for row in group.tables[0].rows] == [("none", {}), ("h264", {})]


def test_a_metric_that_another_version_defines_otherwise_parts_the_runs(tmp_path: Path) -> None:
    old = write_scores(tmp_path / "old", SCORES, definitions={"psnr": "one", "ssim": "Gaussian window"})
    new = write_scores(tmp_path / "new", SCORES, definitions={"psnr": "one", "ssim": "uniform window"})
    silent = write_scores(tmp_path / "silent", SCORES)
    more = write_scores(
        tmp_path / "more", SCORES, definitions={"psnr": "one", "lpips": "VGG", "ssim": "uniform window"}
    )
    groups = groups_of(old, new, silent, more)
    assert members(groups) == [["old", "silent"], ["more", "new"]]
    assert len({group.slug for group in groups}) == 2
    assert [group.apart for group in groups] == ["SSIM, definition 1", "SSIM, definition 2"]
    assert [group.definitions for group in groups] == [{"ssim": "Gaussian window"}, {"ssim": "uniform window"}]
    assert groups[0].heading.endswith("SSIM, definition 1")
    write_report([old, new], tmp_path / "report")
    for name in ("leaderboard.md", "index.html"):
        assert "Gaussian window" in (tmp_path / "report" / name).read_text()


def test_groups_of_other_clips_have_their_manifest_in_the_heading(tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, SCORES, manifest=name * 32) for name in ("ab", "cd")]
    assert [group.apart for group in groups_of(*folders)] == ["manifest abababab", "manifest cdcdcdcd"]
    assert [group.apart for group in groups_of(folders[0])] == [""]


def test_runs_of_other_versions_are_compared_where_nothing_else_differs_and_say_so(
    runs: dict[str, Path], change: Callable[..., Path], tmp_path: Path
) -> None:
    older = change(runs["jpeg-q20"], lambda result: result["environment"].update(tokenbench="0.0.7-older"), "older")
    write_report([runs["means"], older], tmp_path / "report")
    assert "0.0.7-older" in (tmp_path / "report/index.html").read_text()
    assert members(groups_of(runs["means"], older)) == [["means", "older"]]


def test_a_metric_that_a_run_lacks_is_a_dash_and_ranks_the_others(tmp_path: Path) -> None:
    write_scores(tmp_path / "whole", SCORES)
    write_scores(tmp_path / "twin", {name: {"psnr": 40.0, "ssim": 0.5} for name in SCORES})
    write_scores(tmp_path / "lacking", {name: {"psnr": 35.0} for name in SCORES})
    folders = [tmp_path / name for name in ("whole", "twin", "lacking")]
    write_report(folders, tmp_path / "report")
    lines = {row["run"]: row for row in csv.DictReader(io.StringIO((tmp_path / "report/leaderboard.csv").read_text()))}
    assert {name: row["ssim"] for name, row in lines.items()} == {"whole": "0.75", "twin": "0.5", "lacking": ""}
    rows = {row.run.name: row for row in groups_of(*folders)[0].tables[0].rows}
    assert {name: row.ranks.get("psnr") for name, row in rows.items()} == {"twin": 1, "lacking": 2, "whole": 3}
    assert {name: row.ranks.get("ssim") for name, row in rows.items()} == {"whole": 1, "twin": 2, "lacking": None}
    assert "| tokenizer-lacking |" in (tmp_path / "report/leaderboard.md").read_text()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_result_that_was_cut_off_stops_the_report(
    share: float, runs: dict[str, Path], tmp_path: Path, tokenbench: Call
) -> None:
    shutil.copytree(runs["means"], tmp_path / "cut")
    file = tmp_path / "cut/result.json"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    outcome = tokenbench("report", runs["jpeg-q20"], tmp_path / "cut", "--out", tmp_path / "report")
    assert outcome.code == 2
    assert f"{file} is not valid JSON (line " in outcome.message
    assert "write it again with 'tokenbench eval'" in outcome.message
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not valid JSON (line 1, column 1"),
        (b"\0" * 4096, "is not valid JSON (line 1, column 1"),
        (b"null", "holds a NoneType, expected a JSON object"),
        (json.dumps({"schema": "tokenbench.result/2"}).encode(), "has schema 'tokenbench.result/2', expected"),
    ],
)
def test_what_is_no_result_is_named_in_one_line(content: bytes, message: str, tmp_path: Path, tokenbench: Call) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/result.json").write_bytes(content)
    outcome = tokenbench("report", tmp_path / "run", "--out", tmp_path / "report")
    assert outcome.code == 2
    assert message in outcome.message
    assert not (tmp_path / "report").exists()


def test_a_run_that_was_interrupted_is_told_to_finish(tmp_path: Path, tokenbench: Call) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/journal.jsonl").write_text('{"fingerprint": "ab"}\n')
    assert "let its 'tokenbench eval' finish first" in tokenbench("report", tmp_path / "run").message
