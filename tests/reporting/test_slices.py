"""Breakdowns by what clips are like: the same cuts for every run, and honest about what was not recorded."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from diff_support import write_scores

from tokenbench.reporting.formats import NOTHING
from tokenbench.reporting.leaderboard import Group, group_runs
from tokenbench.reporting.report import write_report
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.slice_tables import NOT_RECORDED, markdown, slice_section
from tokenbench.reporting.slices import Breakdown, break_down, cut

SIX = {f"clip{i}": {"psnr": 20.0 + i, "ssim": 0.9} for i in range(6)}
MOTION = {f"clip{i}": {"ti": 10.0 - i} for i in range(6)}


def write(folder: Path, scores: Mapping[str, Mapping[str, float]], traits: Mapping[str, Mapping[str, float]]) -> Path:
    """A run whose clips.csv has columns of traits, as `tokenbench eval` writes them."""
    write_scores(folder, scores)
    if traits:
        rows = list(csv.DictReader((folder / "clips.csv").open()))
        names = list(dict.fromkeys(name for values in traits.values() for name in values))
        with (folder / "clips.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0], *names])
            writer.writeheader()
            writer.writerows(row | {name: traits.get(row["clip"], {}).get(name, "") for name in names} for row in rows)
    return folder


def group_of(*folders: Path) -> Group:
    (group,) = group_runs(load_runs(folders))
    return group


def broken_down(group: Group) -> dict[str, Breakdown]:
    return {each.trait.title.split()[0]: each for each in break_down(group)}


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ([3, 1, 2], {"low": {1}, "middle": {2}, "high": {3}}),
        ([1, 2, 3, 4, 5, 6], {"low": {1, 2}, "middle": {3, 4}, "high": {5, 6}}),
        ([1, 2], {"low": {1}, "high": {2}}),
        ([5, 5, 5], {"middle": {5}}),
        ([1] + [2] * 9, {"low": {1}, "middle": {2}}),
        ([1] * 9 + [2], {"middle": {1}, "high": {2}}),
    ],
)
def test_clips_are_cut_in_thirds_and_equal_ones_stay_together(
    values: list[float], parts: dict[str, set[float]]
) -> None:
    named = {f"clip{i}": float(value) for i, value in enumerate(values)}
    slices = cut(named)
    assert {each.name: {named[clip] for clip in each.clips} for each in slices} == parts
    assert sum(len(each.clips) for each in slices) == len(values)


def test_means_are_those_of_the_clips_in_a_slice(tmp_path: Path) -> None:
    motion = broken_down(group_of(write(tmp_path / "a", SIX, MOTION)))["Motion"]
    assert [(part.low, part.high, sorted(part.clips)) for part in motion.slices] == [
        (5.0, 6.0, ["clip4", "clip5"]),
        (7.0, 8.0, ["clip2", "clip3"]),
        (9.0, 10.0, ["clip0", "clip1"]),
    ]
    psnr = motion.scores["tokenizer-a"]["psnr"]
    assert [measure.value for measure in psnr] == [24.5, 22.5, 20.5]
    assert [(measure.low, measure.high, measure.n) for measure in psnr] == [(24, 25, 2), (22, 23, 2), (20, 21, 2)]


def test_an_older_run_is_broken_down_by_what_a_newer_one_recorded(tmp_path: Path) -> None:
    older = write(tmp_path / "older", {name: {"psnr": 30.0} for name in list(SIX)[:5]}, {})
    group = group_of(older, write(tmp_path / "newer", SIX, MOTION))
    scores = broken_down(group)["Motion"].scores["tokenizer-older"]
    assert [(measure.value, measure.n) for measure in scores["psnr"]] == [(30.0, 1), (30.0, 2), (30.0, 2)]
    assert "ssim" not in scores
    row = next(
        line
        for line in markdown([group], {group.slug: break_down(group)}).splitlines()
        if line.startswith("| tokenizer-older")
    )
    lacking = " | ".join([NOTHING] * 3)
    assert row == (
        f"| tokenizer-older | 30.00 n=1 of 2 | 30.00 \\[30.00, 30.00\\] | 30.00 \\[30.00, 30.00\\] | {lacking} |"
    )


def test_runs_without_traits_say_so(tmp_path: Path) -> None:
    group = group_of(write(tmp_path / "old", SIX, {}))
    assert break_down(group) == []
    assert slice_section(group, [])["lacking"] == NOT_RECORDED
    assert NOT_RECORDED in markdown([group], {group.slug: []})


def test_clips_that_are_alike_are_not_cut(tmp_path: Path) -> None:
    traits = {name: {"luma": 120.0} for name in SIX}
    brightness = broken_down(group_of(write(tmp_path / "a", SIX, traits)))["Brightness"]
    assert (brightness.slices, brightness.scores) == ((), {})
    assert brightness.missing == "the clips are alike (120), so that nothing is cut"


def test_clips_without_a_value_are_counted(tmp_path: Path) -> None:
    group = group_of(write(tmp_path / "a", SIX, {name: MOTION[name] for name in list(MOTION)[:4]}))
    assert broken_down(group)["Motion"].missing == "2 of 6 clips are in no slice"


def test_photographs_and_videos_are_cut_apart(tmp_path: Path) -> None:
    scores = SIX | {f"photo{i}": {"psnr": 40.0 + i} for i in range(3)}
    traits = {name: {"si": 50.0 + i} for i, name in enumerate(scores)}
    media = [(each.media, each.trait.title) for each in break_down(group_of(write(tmp_path / "a", scores, traits)))]
    assert media == [("video", "Texture (SI)"), ("image", "Texture (SI)")]


def test_a_lossless_clip_has_a_mean_without_interval(tmp_path: Path) -> None:
    scores = {name: {"psnr": float("inf") if name == "clip0" else 30.0} for name in SIX}
    motion = broken_down(group_of(write(tmp_path / "a", scores, MOTION)))["Motion"]
    assert [measure.value for measure in motion.scores["tokenizer-a"]["psnr"]] == [30.0, 30.0, float("inf")]


def test_page_and_leaderboard_show_them(tmp_path: Path) -> None:
    write_report([write(tmp_path / "a", SIX, MOTION)], tmp_path / "report")
    for name in ("leaderboard.md", "index.html"):
        text = (tmp_path / "report" / name).read_text()
        assert "Video clips by motion (TI)" in text
        assert "low: 5.00 to 6.00 (2 clips); middle: 7.00 to 8.00 (2 clips); high: 9.00 to 10.0 (2 clips)" in text
        assert "24.50" in text


def test_tables_for_programs_and_papers_have_every_slice(tmp_path: Path) -> None:
    write_report([write(tmp_path / "a", SIX, MOTION)], tmp_path / "report")
    lines = list(csv.DictReader((tmp_path / "report/slices.csv").open()))
    psnr = [line for line in lines if line["metric"] == "psnr"]
    assert [(line["trait"], line["slice"], line["from"], line["to"], line["value"], line["n"]) for line in psnr] == [
        ("motion", "low", "5.0", "6.0", "24.5", "2"),
        ("motion", "middle", "7.0", "8.0", "22.5", "2"),
        ("motion", "high", "9.0", "10.0", "20.5", "2"),
    ]
    found = json.loads((tmp_path / "report/leaderboard.json").read_text())["groups"][0]["slices"]
    motion = next(each for each in found if each["trait"] == "motion")
    assert [part["clips"] for part in motion["slices"]] == [["clip4", "clip5"], ["clip2", "clip3"], ["clip0", "clip1"]]
    assert [measure["value"] for measure in motion["scores"]["tokenizer-a"]["psnr"]] == [24.5, 22.5, 20.5]
    tex = (tmp_path / "report/slices.tex").read_text()
    assert r"tokenizer-a & 24.50 {\scriptsize {[}24.00, 25.00]} & 22.50" in tex


def test_rows_follow_the_pages_filters(tmp_path: Path) -> None:
    group = group_of(write(tmp_path / "a", SIX, MOTION))
    tables = slice_section(group, break_down(group))["tables"]
    assert [set(table["traits"][0]) for table in tables if table["rows"]] == [{"kind", "modality", "grid"}]
