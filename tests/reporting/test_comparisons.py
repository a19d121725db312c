"""Rows against a row of the reader's choice."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.against import csv_text, find_baselines, markdown
from tokenbench.reporting.comparisons import BETTER, SAME, WORSE, Comparison, compare_all
from tokenbench.reporting.diff import diff_runs
from tokenbench.reporting.leaderboard import Group, group_runs
from tokenbench.reporting.runs import load_runs

CLIPS = 20


def write_run(folder: Path, name: str, shift: float, storage: str = "none") -> Path:
    """PSNR and a bit rate of twenty clips, two of a source; `shift` apart from other runs."""
    hardness = np.random.default_rng(7).normal(30, 3, CLIPS)
    psnr = hardness + shift + np.random.default_rng(len(name)).normal(0, 0.2, CLIPS)
    folder.mkdir()
    protocol = "paper/1" + ("" if storage == "none" else f"+storage={storage}")
    result = {
        "schema": "tokenbench.result/1",
        "tokenizer": {"name": name, "kind": "continuous"},
        "dataset": {"name": "made", "protocol": protocol, "manifest_sha256": "ab"},
        "metrics": {"psnr": {"value": float(psnr.mean()), "unit": "dB", "n": CLIPS}},
    }
    (folder / "result.json").write_text(json.dumps(result))
    lines = [f"clip-{i:02},d,9,8,8,25,{psnr[i]:.6f},source-{i // 2}" for i in range(CLIPS)]
    (folder / "clips.csv").write_text("\n".join(["clip,domain,frames,height,width,fps,psnr,source", *lines]))
    return folder


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> list[Group]:
    root = tmp_path_factory.mktemp("runs")
    runs = [("plain", 0.0), ("better", 1.0), ("as-good-", 0.01)]
    paths = [write_run(root / name, name, shift) for name, shift in runs]
    return group_runs(load_runs([*paths, write_run(root / "stored", "plain", -0.5, "h264")]))


def test_equal_rows_differ_by_nothing_either_way_round(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / folder, "same", 0.0) for folder in ("one", "other")]
    groups = group_runs(load_runs(paths))
    baselines = {("made-paper-1", "video"): [0, 1]}
    text = markdown(groups, compare_all(groups), baselines)
    assert text.count("+0.00 [0.00, 0.00]") == 2
    assert "-0.0" not in csv_text(groups, compare_all(groups), baselines)


def of(groups: list[Group], baseline: str) -> dict[str, Comparison]:
    """What is compared with that row, by title."""
    rows = groups[0].tables[0].rows
    found = compare_all(groups)[groups[0].slug, "video"]
    return {rows[each.row].entry.title: each for each in found if rows[each.baseline].entry.title == baseline}


def test_rows_of_one_storage_are_compared_both_ways(groups: list[Group]) -> None:
    assert set(of(groups, "plain")) == {"better", "as-good-"}
    assert of(groups, "plain · h264") == {}
    there, back = of(groups, "plain")["better"], of(groups, "better")["plain"]
    assert (there.difference, there.low, there.high) == (-back.difference, -back.high, -back.low)
    assert (there.verdict, back.verdict) == (BETTER, WORSE)
    assert there.low < there.difference < there.high
    assert of(groups, "plain")["as-good-"].verdict == SAME


def test_p_is_that_of_diff(groups: list[Group]) -> None:
    runs = {entry.title: entry.run for entry in groups[0].entries}
    others = ["better", "as-good-"]
    told = diff_runs([runs["plain"], *(runs[name] for name in others)], ["psnr"])
    here = of(groups, "plain")
    for name, row in zip(others, told.rows, strict=True):
        assert row.significance is not None
        assert here[name].p == row.significance.p_value
        assert here[name].adjusted == row.adjusted
        assert here[name].difference == pytest.approx(row.difference)


def test_tables_against_a_row_say_what_is_significant(groups: list[Group]) -> None:
    comparisons, baselines = compare_all(groups), find_baselines(groups, "plain")
    text = markdown(groups, comparisons, baselines)
    assert text.count("## Against") == 1
    (better,) = (line for line in text.splitlines() if line.startswith("| better"))
    assert better == "| better | **+1.13** [0.98, 1.29] |"
    (same,) = (line for line in text.splitlines() if line.startswith("| as-good-"))
    assert "**" not in same
    lines = list(csv.DictReader(io.StringIO(csv_text(groups, comparisons, baselines))))
    assert [(line["name"], line["baseline"], line["n"], line["verdict"]) for line in lines] == [
        ("better", "plain", "20", "better"),
        ("as-good-", "plain", "20", "no difference"),
    ]


def test_a_row_that_is_not_there_is_named_with_those_that_are(groups: list[Group]) -> None:
    with pytest.raises(TokenBenchError, match=r"no row 'absent' to compare with: the rows are as-good-, better, plain"):
        find_baselines(groups, "absent")


def test_a_name_of_two_rows_is_refused(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / folder, "twice", shift) for folder, shift in (("one", 0.0), ("two", 1.0))]
    groups = group_runs(load_runs(paths))
    with pytest.raises(TokenBenchError, match=r"'twice' names several rows: twice \[two\], twice \[one\]"):
        find_baselines(groups, "twice")
    assert find_baselines(groups, "two") == {(groups[0].slug, "video"): [0]}
