"""Runs are read as they were written; bad ones are named in one line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.runs import load_run, load_runs


def test_a_run_is_read_as_it_was_written(runs: dict[str, Path]) -> None:
    written = json.loads((runs["means"] / "result.json").read_text())
    run = load_run(runs["means"])
    assert run.tokenizer.name == "means-C-1x4x4"
    assert run.tokenizer.compression == (1, 4, 4)
    assert run.dataset.manifest_sha256 == written["dataset"]["manifest_sha256"]
    psnr = run.media["video"].metrics["psnr"]
    assert [psnr.value, [psnr.low, psnr.high], psnr.n] == [
        written["media"]["video"]["metrics"]["psnr"][key] for key in ("value", "ci95", "n")
    ]
    assert len(run.clips) == 8
    assert {clip.clip: clip.media for clip in run.clips}["photo/coffee"] == "image"
    assert {clip.media for clip in run.clips} == {"image", "video"}
    assert all(sample.reference.is_file() for sample in run.samples)


def test_folder_and_result_file_mean_the_same_run(runs: dict[str, Path]) -> None:
    folder = runs["means"]
    assert load_run(folder) == load_run(folder / "result.json")
    assert len(load_runs([folder, folder / "result.json", runs["palette"]])) == 2


def test_storage_is_told_apart_from_the_protocol(runs: dict[str, Path]) -> None:
    plain, stored = load_run(runs["means"]), load_run(runs["means-420"])
    assert (plain.storage, stored.storage) == ("none", "yuv420p")
    assert plain.base_protocol == stored.base_protocol == "paper/1"


def test_storage_is_found_in_the_label_alone(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["dataset"]["protocol"] = "paper/1+frames=17+storage=h264+x=2"
        del result["protocol"]

    run = load_run(change(runs["means"], edit))
    assert (run.storage, run.base_protocol) == ("h264", "paper/1+frames=17+x=2")


def test_a_result_with_required_keys_only_is_enough(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        for key in ("media", "samples", "protocol", "failed", "environment"):
            del result[key]
        result["tokenizer"] = {"name": "compare"}
        result["dataset"] = {"name": "folder", "protocol": "compare/1"}

    run = load_run(change(runs["means"], edit))
    assert run.tokenizer.kind is None
    assert list(run.media) == ["all"]
    assert run.clips == run.samples == run.failed == ()


def test_media_is_told_from_the_clips_where_the_result_does_not_say(
    runs: dict[str, Path], change: Callable[..., Path]
) -> None:
    folder = change(runs["means"], lambda result: result.pop("media"))
    (folder / "clips.csv").write_text("clip,domain,frames,height,width,fps,psnr\na,x,1,9,9,0,30.5\n")
    run = load_run(folder)
    assert list(run.media) == ["image"]
    assert run.media["image"].metrics is run.metrics


def test_nulls_and_infinities_survive(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["metrics"]["psnr"] = {"value": math.inf, "unit": "dB", "ci95": None, "n": 3}
        result["metrics"]["ssim"] = {"value": None, "unit": "", "ci95": [None, None], "n": 0}
        result["metrics"]["bits_per_pixel"]["value"] = math.nan

    folder = change(runs["means"], edit)
    (folder / "clips.csv").write_text(
        "clip,domain,frames,height,width,fps,psnr,ssim,note\na,x,1,9,9,0,inf,,fine\nb,,,,,,nan,0.5,\n"
    )
    run = load_run(folder)
    assert run.metrics["psnr"].value == math.inf
    assert run.metrics["ssim"].value is None
    assert run.metrics["bits_per_pixel"].value is None
    assert [clip.scores for clip in run.clips] == [{"psnr": math.inf, "ssim": None}, {"psnr": None, "ssim": 0.5}]
    assert run.clips[1].frames is None


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def edit(result: dict[str, Any]) -> None:
        for key in path[:-1]:
            result = result[key]
        del result[path[-1]]

    return edit


def put(value: Any, *path: str) -> Callable[[dict[str, Any]], None]:
    def edit(result: dict[str, Any]) -> None:
        for key in path[:-1]:
            result = result[key]
        result[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop("schema"), r"has schema None, expected 'tokenbench.result/1'; write it again"),
        (put("tokenbench.result/9", "schema"), r"has schema 'tokenbench.result/9'"),
        (drop("tokenizer"), r"result.json: tokenizer is missing, expected an object; write it again"),
        (drop("tokenizer", "name"), r"tokenizer.name is missing, expected a text"),
        (drop("dataset", "name"), r"dataset.name is missing"),
        (drop("dataset", "protocol"), r"dataset.protocol is missing"),
        (drop("metrics"), r"metrics is missing"),
        (put("high", "metrics", "psnr", "value"), r'metrics.psnr.value is "high", expected a number or null'),
        (put([1], "metrics", "psnr", "ci95"), r"metrics.psnr.ci95 is \[1\], expected a list of 2 numbers"),
        (put([1, "x"], "metrics", "psnr", "ci95"), r'metrics.psnr.ci95\[1\] is "x", expected a number'),
        (put([1, 0, 8], "tokenizer", "compression"), r"tokenizer.compression is \[1, 0, 8\], expected three whole"),
        (put("many", "tokenizer", "parameters"), r"tokenizer.parameters is \"many\", expected a whole number"),
        (put([3], "failed"), r"failed is \[3\], expected a list of objects"),
        (put([{"clip": "a"}], "failed"), r"failed\[0\].error is missing"),
        (put(3, "media", "video"), r"media.video is 3, expected an object"),
    ],
)
def test_a_bad_value_is_named(
    edit: Callable[[dict[str, Any]], None], message: str, runs: dict[str, Path], change: Callable[..., Path]
) -> None:
    with pytest.raises(TokenBenchError, match=message) as caught:
        load_run(change(runs["means"], edit))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/picture.png"])
def test_pictures_come_from_the_runs_folder_only(path: str, runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["samples"][0]["reference"] = path

    with pytest.raises(TokenBenchError, match=r"samples\[0\].reference .* expected a path inside the run's folder"):
        load_run(change(runs["means"], edit))


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match=r"no run at .*absent: give a folder written by 'tokenbench eval'"):
        load_run(tmp_path / "absent")
    with pytest.raises(TokenBenchError, match=re.escape(f"{tmp_path} holds no result.json: let its")):
        load_run(tmp_path)
    file = tmp_path / "result.json"
    for content, message in (
        (b'{"schema": ', r"not valid JSON \(line 1, column 12: Expecting value\)"),
        (b"[1]", "holds a list, expected a JSON object"),
        (b"\xff\xfe{}", r"is not UTF-8 text \(byte 0\)"),
    ):
        file.write_bytes(content)
        with pytest.raises(TokenBenchError, match=message):
            load_run(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,psnr\na,1\n", "has no column 'clip'"),
        (b"", "has no column 'clip'"),
        (b"clip,frames,psnr\na,1,30\nb,2,bad\n", r"clips.csv, line 3: psnr is 'bad', expected a number"),
        (b"clip\n\xff\n", "clips.csv cannot be read"),
    ],
)
def test_a_bad_clips_table_is_named(
    content: bytes, message: str, runs: dict[str, Path], change: Callable[..., Path]
) -> None:
    folder = change(runs["means"], lambda result: None)
    (folder / "clips.csv").write_bytes(content)
    with pytest.raises(TokenBenchError, match=message):
        load_run(folder)
