"""Figures that need more than the leaderboard: times, domains, frames."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from golden_support import CLIPS, write_golden_runs

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.figures import LINE_COLOURS, Plot
from tokenbench.reporting.frame_curves import draw_frame_curves
from tokenbench.reporting.frame_scores import read_frames
from tokenbench.reporting.leaderboard import group_runs
from tokenbench.reporting.plots import draw_plots
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.speed import read_speeds

PREFIX = "golden-paper-1-frames-49-video"


def timed(name: str, milliseconds: float | None, frames: int = 17) -> dict[str, Any]:
    row: dict[str, Any] = {
        "case": {"tokenizer": name, "batch": 1, "dtype": "bfloat16", "compile": False},
        "machine": {"name": "Some GPU"},
        "input": {"size": [720, 1280], "frames": frames},
    }
    return row if milliseconds is None else row | {"milliseconds": {"total": {"median": milliseconds}}}


def write_times(folder: Path, *rows: dict[str, Any], schema: str = "tokenbench.throughput/1") -> Path:
    (folder / "throughput.json").write_text(json.dumps({"schema": schema, "rows": list(rows)}))
    return folder / "throughput.json"


def draw(runs: list[Path], throughput: Path | None = None) -> dict[str, Plot]:
    (group,) = group_runs(load_runs(runs))
    speeds = read_speeds(throughput) if throughput else None
    return {plot.name.removeprefix(f"{PREFIX}-"): plot for plot in draw_plots(group, group.tables[0], speeds)}


def test_quality_against_time_has_the_rows_that_were_timed(tmp_path: Path) -> None:
    times = write_times(tmp_path, timed("net-D", 12.5), timed("net-D", 11.0, 49), timed("net_C & co", None))
    setting = "Some GPU, 720 x 1280, batch 1, bfloat16"
    assert read_speeds(times) == {setting: {"net-D": 11.0}} == read_speeds(tmp_path)
    plot = draw(write_golden_runs(tmp_path / "runs"), times)["psnr-speed-some-gpu-720-x-1280-batch-1-bfloat16"]
    assert plot.title == f"Video clips: PSNR against time ({setting})"
    assert "<!-- net-D -->" in plot.svg
    assert "h264-crf23" in plot.left_out
    assert plot.reason == "Not timed"


def test_files_that_hold_no_times_are_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="has no row that was measured"):
        read_speeds(write_times(tmp_path, timed("net-D", None)))
    with pytest.raises(TokenBenchError, match=r"has schema 'other/1', expected 'tokenbench.throughput/1'"):
        read_speeds(write_times(tmp_path, schema="other/1"))


def curves(runs: list[Path]) -> Plot:
    """The figure of frames alone."""
    (group,) = group_runs(load_runs(runs))
    plot = draw_frame_curves(group, group.tables[0], "frames")
    assert plot
    return plot


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plot]:
    """Of runs that were not timed, and have no series of frames."""
    return draw(write_golden_runs(tmp_path_factory.mktemp("golden")))


def test_domains_have_a_panel_each_and_rows_a_bar(plots: dict[str, Plot]) -> None:
    assert {"psnr-domains", "ssim-domains"} <= set(plots)
    assert "fvd-domains" not in plots
    for text in ("driving", "robotics", "net-D", "h264-crf23", "ceiling of a storage"):
        assert f"<!-- {text}" in plots["psnr-domains"].svg


def test_frames_are_drawn_for_the_hardest_and_the_median_clip(plots: dict[str, Plot], tmp_path: Path) -> None:
    assert "frames" not in plots
    runs = write_golden_runs(tmp_path / "runs")
    for run in runs[:3]:
        lines = [f"{clip},{frame},{30 + frame % 7}.0" for clip in CLIPS for frame in range(49)]
        (run / "frames.csv").write_text("\n".join(["clip,frame,psnr", *lines]))
    plot = draw(runs)["frames"]
    for text in ("hardest clip: drive/a", "median clip: robot/a", "net-D", "net_C &amp; co (window=17)"):
        assert f"<!-- {text}" in plot.svg.replace("& co", "&amp; co")
    # The codec and the stored row have no such file; the ceilings are not asked for.
    assert set(plot.left_out) == {"h264-crf23", "net_C & co (window=17) · h264"}
    assert read_frames(runs[1], {"robot/b"})["robot/b"][:8] == [30, 31, 32, 33, 34, 35, 36, 30]


def test_frames_that_begin_a_window_are_dots(tmp_path: Path) -> None:
    runs = write_golden_runs(tmp_path / "runs")
    for run in runs[1:3]:
        lines = [f"{clip},{frame},{30 + frame % 7}.0" for clip in CLIPS for frame in range(49)]
        (run / "frames.csv").write_text("\n".join(["clip,frame,psnr", *lines]))
    assert "<!-- a window begins -->" not in curves(runs).svg
    result = json.loads((runs[1] / "result.json").read_text())
    result["tokenizer"]["window_used"] = 17
    (runs[1] / "result.json").write_text(json.dumps(result))
    plot = curves(runs)
    assert "<!-- a window begins -->" in plot.svg
    # Frames 17 and 34, in the panels of two clips, and the legend's own.
    dots = [
        points
        for points in re.findall(r"<use [^>]*fill: #[0-9a-f]{6}[^>]*>|<use [^>]*>", plot.svg)
        if "style" in points
    ]
    colour = LINE_COLOURS[0]
    assert len([dot for dot in dots if f"fill: {colour}" in dot]) == 4


def test_a_cut_off_file_of_frames_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "frames.csv").write_text("clip,frame,psnr\na,0,31.5\na,1")
    with pytest.raises(TokenBenchError, match=r"frames.csv, line 3: no number under 'psnr'"):
        read_frames(tmp_path, {"a"})
    (tmp_path / "frames.csv").write_text("clip,frame\na,0\n")
    with pytest.raises(TokenBenchError, match="has no columns 'clip' and 'psnr'"):
        read_frames(tmp_path, {"a"})
