"""Points of one codec make a curve, and everything can be set against it; the numbers are worked by hand."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.curves import find_curves
from tokenbench.reporting.formats import NOTHING
from tokenbench.reporting.leaderboard import Table, group_runs
from tokenbench.reporting.plots import draw_plots
from tokenbench.reporting.report import write_report
from tokenbench.reporting.runs import load_runs

Point = Callable[..., Path]

RATES = (0.1, 0.2, 0.4, 0.8)
STRAIGHT = (30.0, 33.0, 36.0, 39.0)  # 3 dB for each doubling of the rate


@pytest.fixture
def point(runs: dict[str, Path], change: Callable[..., Path]) -> Point:
    """A result over the videos of the tests, with a rate and scores of one's own."""

    def make(name: str, rate: float, kind: str = "codec", folder: str = "", **scores: float) -> Path:
        def edit(result: dict[str, Any]) -> None:
            result["tokenizer"] |= {"name": name, "kind": kind}
            result["failed"] = []
            values = {"bits_per_pixel": rate, **scores}
            metrics = {
                key: {"value": value, "unit": "", "ci95": [value, value], "n": 4} for key, value in values.items()
            }
            result["metrics"] = metrics
            result["media"] = {"video": {"clips": 4, "metrics": metrics}}

        return change(runs["jpeg-q20"], edit, folder or name)

    return make


@pytest.fixture
def alpha(point: Point) -> list[Path]:
    """A codec of which doubling the rate buys 3 dB, and 0.1 of a distance."""
    return curve(point, "alpha", RATES, STRAIGHT)


def curve(point: Point, name: str, rates: Sequence[float], qualities: Sequence[float]) -> list[Path]:
    """One that scores so much at those rates; its distance falls as its quality rises."""
    values = enumerate(zip(rates, qualities, strict=True))
    return [point(f"{name}-q{i}", rate, psnr=value, lpips=(60 - value) / 30) for i, (rate, value) in values]


def table_of(paths: Sequence[Path]) -> Table:
    return group_runs(load_runs(paths))[0].tables[0]


def lines_of(report: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """The lines of anchor.csv by name, metric, measure and fit."""
    lines = csv.DictReader(io.StringIO((report / "anchor.csv").read_text()))
    return {tuple(line[key] for key in ("name", "metric", "measure", "fit")): line for line in lines}


def number(lines: dict[tuple[str, ...], dict[str, str]], *key: str) -> float:
    assert lines[key]["reason"] == ""
    return float(lines[key]["value"])


def test_curves_are_codecs_that_differ_in_their_last_number_alone(
    alpha: list[Path], point: Point, change: Callable[..., Path]
) -> None:
    def faster(result: dict[str, Any]) -> None:
        result["tokenizer"]["settings"] = {"preset": "fast"}

    def stored(result: dict[str, Any]) -> None:
        result["protocol"]["storage"] = "yuv420p"

    def fewer(result: dict[str, Any]) -> None:
        result["media"]["video"]["clips"] = 3

    others = [change(path, faster, f"fast{i}") for i, path in enumerate(alpha[:2])]
    others += [change(path, stored, f"stored{i}") for i, path in enumerate(alpha[1:])]
    others += [point("beta-crf1", 0.1, psnr=30), change(point("alpha-q9", 2.0, psnr=40), fewer, "fewer")]
    others += [point(f"network-q{i}", 0.1 * i, kind="discrete", psnr=30) for i in (1, 2)]
    found = {curve.title: [row.rate for row in curve.rows] for curve in find_curves(table_of([*alpha[::-1], *others]))}
    assert found == {
        "alpha": [0.1, 0.2, 0.4, 0.8],
        "alpha · yuv420p": [0.2, 0.4, 0.8],
        "alpha (preset=fast)": [0.1, 0.2],
    }


@pytest.mark.parametrize("fit", ["pchip", "cubic"])
def test_a_fifth_less_rate_is_a_bd_rate_of_minus_a_fifth(
    fit: str, alpha: list[Path], point: Point, tmp_path: Path
) -> None:
    cheaper = curve(point, "beta", [rate * 0.8 for rate in RATES], STRAIGHT)
    write_report([*alpha, *cheaper], tmp_path / "report", anchor="alpha")
    lines = lines_of(tmp_path / "report")
    gain = 3 * math.log2(1 / 0.8)
    assert number(lines, "beta", "psnr", "bd_rate", fit) == pytest.approx(-20)
    assert number(lines, "beta", "psnr", "bd_quality", fit) == pytest.approx(gain)
    assert number(lines, "beta", "lpips", "bd_rate", fit) == pytest.approx(-20)
    assert number(lines, "beta", "lpips", "bd_quality", fit) == pytest.approx(-gain / 30)
    assert float(lines["beta", "psnr", "bd_rate", fit]["share"]) == pytest.approx(1)
    text = (tmp_path / "report/anchor.md").read_text()
    assert "| beta | PSNR (dB) | -20.0 % over 30.00 to 39.00 (100%) | -20.0 % over" in text
    assert "+0.97 over 0.100 to 0.640" in text


def test_by_clip_every_clip_has_a_curve_of_its_own(point: Point, tmp_path: Path) -> None:
    """Two clips at rates 1 and 10 times the curve's; a codec needs 0.8 and 0.5 times the rate for them: -35 %."""

    def with_clips(name: str, factors: tuple[float, float]) -> list[Path]:
        paths = curve(point, name, RATES, STRAIGHT)
        for path, rate, quality in zip(paths, RATES, STRAIGHT, strict=True):
            lines = [f"c{i},2,25,{rate * 10**i * factor},{quality}\n" for i, factor in enumerate(factors)]
            (path / "clips.csv").write_text(
                "clip,frames,fps,bits_per_pixel,psnr\n" + "".join(lines) + f"d,2,25,{rate},\n"
            )
        return paths

    paths = [*with_clips("alpha", (1, 1)), *with_clips("beta", (0.8, 0.5))]
    write_report(paths, tmp_path / "report", anchor="alpha")
    lines = lines_of(tmp_path / "report")
    assert number(lines, "beta", "psnr", "bd_rate_by_clip", "pchip") == pytest.approx(-35)
    assert lines["beta", "psnr", "bd_rate_by_clip", "pchip"]["clips"] == "2"
    assert "-35.0 % over 2 of 3 clips" in (tmp_path / "report/anchor.md").read_text()
    assert lines["beta", "lpips", "bd_rate_by_clip", "pchip"]["reason"] == "none of 3 clips has one"


def test_a_single_result_is_read_off_the_anchor(alpha: list[Path], point: Point, tmp_path: Path) -> None:
    network = point("network", 0.2 * math.sqrt(2), kind="continuous", psnr=33.0)
    costly = point("costly", 4.0, kind="continuous", psnr=36.0)
    page = write_report([*alpha, network, costly], tmp_path / "report", anchor="alpha")
    lines = lines_of(tmp_path / "report")
    assert number(lines, "network", "psnr", "anchor_quality_at_rate", "pchip") == pytest.approx(34.5)
    assert number(lines, "network", "psnr", "anchor_rate_at_quality", "pchip") == pytest.approx(0.2)
    assert number(lines, "costly", "psnr", "anchor_rate_at_quality", "pchip") == pytest.approx(0.4)
    outside = lines["costly", "psnr", "anchor_quality_at_rate", "pchip"]
    assert (outside["value"], outside["reason"]) == ("", "outside the points of alpha")
    text = (tmp_path / "report/anchor.md").read_text()
    assert "| network | PSNR (dB) | 0.283 | 33.00 | 34.50 | -1.50 | 0.200 | 1.41 |" in text
    beyond = f"{NOTHING} outside the points of alpha | {NOTHING}"
    assert f"| costly | PSNR (dB) | 4.00 | 36.00 | {beyond} | 0.400 | 10.0 |" in text
    assert "Single results against alpha" in page.read_text()


@pytest.mark.parametrize(
    ("rates", "qualities", "reason"),
    [
        (RATES[:3], STRAIGHT[:3], "beta has 3 points, 4 are needed"),
        (RATES, (30.0, 33.0, 32.0, 39.0), "beta is not monotone: 33 at 0.2, 32 at 0.4"),
        (RATES, (40.0, 41.0, 42.0, 43.0), "no quality in common: 30 to 39 and 40 to 43"),
    ],
)
def test_without_a_number_the_cell_says_why(
    rates: Sequence[float], qualities: Sequence[float], reason: str, alpha: list[Path], point: Point, tmp_path: Path
) -> None:
    page = write_report([*alpha, *curve(point, "beta", rates, qualities)], tmp_path / "report", anchor="alpha")
    lines = lines_of(tmp_path / "report")
    for fit in ("pchip", "cubic"):
        line = lines["beta", "psnr", "bd_rate", fit]
        assert (line["value"], line["reason"]) == ("", reason)
    text = (tmp_path / "report/anchor.md").read_text()
    assert f"| beta | PSNR (dB) | {NOTHING} {reason} | {NOTHING} {reason} |" in text
    assert reason in page.read_text()


def test_an_anchor_that_is_not_there_is_named_with_those_that_are(
    alpha: list[Path], point: Point, tmp_path: Path
) -> None:
    with pytest.raises(TokenBenchError, match="no curve 'h264' among the runs: there are alpha"):
        write_report(alpha, tmp_path / "report", anchor="h264")
    with pytest.raises(TokenBenchError, match="no curve 'alpha' among the runs: a curve needs two points of one codec"):
        write_report(alpha[:1], tmp_path / "report", anchor="alpha")
    assert not (tmp_path / "report").exists()


def test_the_command_prints_what_stands_against_the_anchor(
    alpha: list[Path], point: Point, tokenbench: Callable[..., Any], tmp_path: Path
) -> None:
    twin = curve(point, "beta|<b>", RATES, STRAIGHT)
    outcome = tokenbench("report", *alpha, *twin, "--out", tmp_path / "report", "--anchor", "alpha")
    assert outcome.code == 0, outcome.err
    assert r"| beta\|&lt;b&gt; | PSNR (dB) | +0.0 %" in outcome.out
    assert "<b>" not in (tmp_path / "report/index.html").read_text()
    assert tokenbench("report", *alpha, "--out", tmp_path / "report", "--anchor", "gamma").code == 2


def test_curves_are_drawn_with_the_names_of_their_ends(alpha: list[Path], point: Point) -> None:
    network = point("network", 0.3, kind="continuous", psnr=33.0)
    group = group_runs(load_runs([*alpha, network]))[0]
    figures = {plot.name.rpartition("-")[2]: plot for plot in draw_plots(group, group.tables[0])}
    assert set(figures) == {"psnr", "lpips", "compression"}
    for name in ("alpha", "alpha-q0", "alpha-q3", "network", "continuous"):
        assert f"<!-- {name} -->" in figures["psnr"].svg
    for name in ("alpha-q1", "alpha-q2", "codec"):
        assert f"<!-- {name} -->" not in figures["psnr"].svg
    assert "<!-- LPIPS, lower is better -->" in figures["lpips"].svg
    assert figures["psnr"].left_out == ()
    assert figures["lpips"].left_out == ("network",)


def test_the_ceiling_of_a_distance_is_below(alpha: list[Path], point: Point) -> None:
    far, near = (
        [*alpha, point("identity", 24.0, kind="continuous", folder=str(value), lpips=value)] for value in (-5.0, 0.5)
    )
    for paths, expected in ((far, "ceiling below the axes: identity: -5.0000"), (near, "identity: 0.5000")):
        group = group_runs(load_runs(paths))[0]
        (figure,) = (plot for plot in draw_plots(group, group.tables[0]) if plot.name.endswith("lpips"))
        assert f"<!-- {expected} -->" in figure.svg


def test_names_of_metrics_do_not_lead_out_of_the_folder(point: Point, tmp_path: Path) -> None:
    write_report([point("alpha-q1", 0.1, **{"../../x": 1.0, "x": 2.0})], tmp_path / "deep/report")
    names = sorted(path.name for path in (tmp_path / "deep/report/plots").glob("*.svg"))
    assert [name.partition("video-")[2] for name in names] == ["x-2.svg", "x.svg"]
