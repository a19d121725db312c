"""Only what may be compared is compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenbench.reporting.formats import quantity
from tokenbench.reporting.leaderboard import Group, Row, group_runs
from tokenbench.reporting.runs import load_run, load_runs


@pytest.fixture(scope="module")
def group(runs: dict[str, Path]) -> Group:
    groups = group_runs(load_runs(runs.values()))
    assert len(groups) == 1
    return groups[0]


def rows(group: Group, media: str) -> dict[str, Row]:
    return {row.entry.title: row for table in group.tables if table.media == media for row in table.rows}


def test_storages_share_a_group_and_media_have_their_own_tables(group: Group) -> None:
    assert [table.media for table in group.tables] == ["video", "image"]
    assert all(len(table.rows) == 8 for table in group.tables)
    assert group.dataset.protocol == "paper/1"


def test_rows_stand_by_storage_then_ceiling_then_psnr(group: Group) -> None:
    for table in group.tables:
        assert [row.run.storage for row in table.rows] == ["none"] * 5 + ["yuv420p"] * 3
        for start, end in ((0, 5), (5, 8)):
            ceiling, *contest = table.rows[start:end]
            assert ceiling.run.is_ceiling
            values = [row.measure("psnr").value for row in contest]
            assert values == sorted(values, key=lambda value: -(value or 0))


def test_ceiling_is_not_ranked_and_each_storage_has_its_best(group: Group) -> None:
    video = rows(group, "video")
    assert video["identity"].ranks == video["identity · yuv420p"].ranks == {}
    assert video["jpeg-q70"].ranks["psnr"] == 1
    assert video["jpeg-q70 · yuv420p"].ranks["psnr"] == 1
    assert video["means-C-1x4x4 · yuv420p"].ranks["psnr"] == 2


def test_a_failed_clip_marks_the_row_of_its_media_alone(group: Group) -> None:
    video, image = rows(group, "video")["palette-D-1x4x4"], rows(group, "image")["palette-D-1x4x4"]
    assert (image.failed, image.clips, image.partial, image.ranks) == (1, 3, True, {})
    assert (video.failed, video.clips, video.partial) == (0, 4, False)
    assert video.ranks


def test_a_tokenizer_that_fails_on_all_photographs_stays_in_their_table(
    runs: dict[str, Path], change: Callable[..., Path]
) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"]["name"] = "blind"
        result["failed"] = [{"clip": f"photo/{name}", "error": "no"} for name in ("coffee", "rocket")]
        del result["media"]["image"]

    group = group_runs(load_runs([runs["means"], change(runs["means"], edit)]))[0]
    row = rows(group, "image")["blind"]
    assert (row.clips, row.failed, row.partial, row.measure("psnr").value) == (0, 2, True, None)


def test_a_tokenizer_that_fails_on_every_clip_has_a_row_beside_others_and_no_table_of_its_own(
    runs: dict[str, Path], change: Callable[..., Path]
) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"]["name"] = "blind"
        result["failed"] = [{"clip": clip.clip, "error": "no"} for clip in load_run(runs["means"]).clips]
        result["media"] = {}
        result["metrics"] = {name: {"value": None, "n": 0} for name in result["metrics"]}

    blind = change(runs["means"], edit)
    assert [table.media for table in group_runs([load_run(blind)])[0].tables] == ["all"]
    group = group_runs(load_runs([runs["means"], blind]))[0]
    assert [table.media for table in group.tables] == ["video", "image"]
    for media in ("video", "image"):
        row = rows(group, media)["blind"]
        assert (row.clips, row.partial, row.measure("psnr").value) == (0, True, None)
        assert row.failed == rows(group, media)["means-C-1x4x4"].clips


def test_fewer_clips_mark_a_row_without_failures(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"]["name"] = "hasty"
        result["media"]["video"]["clips"] = 2

    group = group_runs(load_runs([runs["means"], change(runs["means"], edit)]))[0]
    assert rows(group, "video")["hasty"].partial
    assert not rows(group, "image")["hasty"].partial


@pytest.mark.parametrize(
    ("key", "value"), [("name", "other"), ("manifest_sha256", "0" * 64), ("protocol", "paper/1+frames=17")]
)
def test_other_clips_or_protocols_are_another_group(
    key: str, value: str, runs: dict[str, Path], change: Callable[..., Path]
) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["dataset"][key] = value

    groups = group_runs(load_runs([runs["means"], change(runs["means"], edit), runs["palette"]]))
    assert [len(group.entries) for group in groups] == [2, 1]
    assert len({group.slug for group in groups}) == 2


def test_equal_names_are_told_apart_by_their_folders(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    again = change(runs["means"], lambda result: None, name="again")
    group = group_runs(load_runs([runs["means"], again, runs["means-420"]]))[0]
    assert {entry.label for entry in group.entries} == {
        "means-C-1x4x4 [means]",
        "means-C-1x4x4 [again]",
        "means-C-1x4x4",
    }


def test_equal_folder_names_are_told_apart_by_their_paths(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    again = change(runs["means"], lambda result: None, name="means")
    labels = [entry.label for entry in group_runs(load_runs([runs["means"], again]))[0].entries]
    assert len(set(labels)) == 2


def test_missing_values_stand_last_and_ties_share_a_rank(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def empty(result: dict[str, Any]) -> None:
        result["tokenizer"]["name"] = "empty"
        for media in result["media"].values():
            media["metrics"]["psnr"] = {"value": None, "unit": "dB", "ci95": [None, None], "n": 0}

    twin = change(runs["means"], lambda result: None, name="twin")
    paths = [change(runs["means"], empty, name="empty"), runs["jpeg-q20"], runs["means"], twin]
    table = group_runs([load_run(path) for path in paths])[0].tables[0]
    assert table.rows[-1].run.tokenizer.name == "empty"
    ranks = [row.ranks.get("psnr") for row in table.rows]
    assert ranks == [1, 2, 2, None]


def test_the_stated_rate_stands_in_for_a_missing_one(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"]["bits_per_pixel"] = 0.75
        del result["media"]["video"]["metrics"]["bits_per_pixel"]

    row = group_runs([load_run(change(runs["means"], edit))])[0].tables[0].rows[0]
    assert row.rate == 0.75


def test_sets_of_different_size_are_not_ranked_together(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def with_fvd(samples: int) -> Callable[[dict[str, Any]], None]:
        def edit(result: dict[str, Any]) -> None:
            value = {"value": 10.0 + samples, "unit": "1", "ci95": [9.0, 99.0], "n": samples, "rank": samples - 1}
            result["media"]["video"]["metrics"]["fvd"] = value

        return edit

    equal = [change(runs[name], with_fvd(50), name) for name in ("means", "jpeg-q20")]
    rows = group_runs(load_runs(equal))[0].tables[0].rows
    assert all("fvd" in row.ranks for row in rows)
    assert quantity("fvd").interval(rows[0].measure("fvd")) == "[9.00, 99.0] n=50, rank 49"
    different = [change(runs["means"], with_fvd(50), "large"), change(runs["jpeg-q20"], with_fvd(40), "small")]
    rows = group_runs(load_runs(different))[0].tables[0].rows
    assert not any("fvd" in row.ranks for row in rows)
    assert all("psnr" in row.ranks for row in rows)
