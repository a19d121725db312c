"""Figures hold every point, read without overlap, and are the same each time."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pytest
from PIL import Image

from tokenbench.reporting.figures import Plot
from tokenbench.reporting.labels import Box, Name, place
from tokenbench.reporting.leaderboard import group_runs
from tokenbench.reporting.plots import draw_plots
from tokenbench.reporting.runs import load_run, load_runs


def draw(paths: list[Path]) -> list[Plot]:
    return [
        plot for group in group_runs(load_runs(paths)) for table in group.tables for plot in draw_plots(group, table)
    ]


@pytest.fixture(scope="module")
def plots(runs: dict[str, Path]) -> list[Plot]:
    return draw(list(runs.values()))


def test_one_figure_for_each_media_price_and_metric(plots: list[Plot]) -> None:
    assert [plot.name for plot in plots] == [
        f"tiny-mixed-paper-1-{media}-{metric}{price}"
        for media in ("video", "image")
        for price in ("", "-compression")
        for metric in ("psnr", "ssim")
    ]


def test_figures_name_every_tokenizer(plots: list[Plot]) -> None:
    for plot in (plot for plot in plots if not plot.name.endswith("-compression")):
        # Text is drawn as outlines; matplotlib leaves what it says in a comment.
        for name in ("jpeg-q20", "palette-D-1x4x4", "means-C-1x4x4 · yuv420p", "identity · yuv420p: "):
            assert f"<!-- {name}" in plot.svg
        assert plot.left_out == ()


def test_files_are_pictures(plots: list[Plot]) -> None:
    for plot in plots:
        assert Image.open(io.BytesIO(plot.png)).size == (1280, 832)
        assert ElementTree.fromstring(plot.svg).tag.endswith("svg")
        assert plot.pdf.startswith(b"%PDF-")


def test_a_ceiling_far_above_leaves_the_axes_to_the_points(plots: list[Plot]) -> None:
    assert "<!-- ceiling above the axes: identity: 100.00 -->" in plots[0].svg


def test_figures_are_the_same_each_time(plots: list[Plot], runs: dict[str, Path]) -> None:
    assert draw(list(runs.values())) == plots


def test_the_readers_own_matplotlib_settings_change_nothing(plots: list[Plot], runs: dict[str, Path]) -> None:
    with matplotlib.rc_context({"font.size": 22, "axes.facecolor": "red"}):
        assert draw(list(runs.values())) == plots
        assert matplotlib.rcParams["font.size"] == 22


def test_pyplot_stays_unused(runs: dict[str, Path]) -> None:
    code = (
        "import sys; from pathlib import Path; from tokenbench.reporting.report import write_report;"
        f"write_report([Path({str(runs['means'])!r})], Path(sys.argv[1]));"
        "others = {'matplotlib.pyplot', 'torch', 'pandas', 'tokenbench.evaluation', 'tokenbench.cli'};"
        "assert not others & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(runs["means"].parent / "unused-pyplot")], check=True)


def test_points_that_cannot_be_drawn_are_named(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"] = {"name": "rateless"}
        for media in result["media"].values():
            del media["metrics"]["bits_per_pixel"]

    rateless = change(runs["means"], edit)
    assert draw([rateless]) == []
    assert {plot.left_out for plot in draw([rateless, runs["jpeg-q20"]])} == {("rateless",)}


def test_a_single_point_without_interval_is_drawn(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        for media in result["media"].values():
            for measure in media["metrics"].values():
                measure["ci95"] = [None, None]

    run = load_run(change(runs["means"], edit))
    group = group_runs([run])[0]
    assert len(draw_plots(group, group.tables[0])) == 4


def test_codecs_have_no_place_on_the_axis_of_compression(plots: list[Plot]) -> None:
    against = [plot for plot in plots if plot.name.endswith("-compression")]
    assert len(against) == 4
    for plot in against:
        assert set(plot.left_out) == {"jpeg-q20", "jpeg-q70", "jpeg-q70 · yuv420p"}
        assert "<!-- means-C-1x4x4 -->" in plot.svg


def test_crowded_names_do_not_cover_each_other() -> None:
    names = [Name(100 + 9 * (i % 4), 100 + 7 * (i // 4), 60, 9) for i in range(12)]
    frame = Box(0, 0, 400, 250)
    spots = place(names, frame, [Box(name.x, name.y, name.x, name.y).grown(3) for name in names], [])
    assert all(one.box.shared(other.box) == 0 for one, other in itertools.combinations(spots, 2))
    assert all(spot.box.shared(frame) == pytest.approx(spot.box.area) for spot in spots)
    assert spots == place(names, frame, [Box(name.x, name.y, name.x, name.y).grown(3) for name in names], [])
