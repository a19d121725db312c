"""Markdown, CSV and LaTeX say the same, each in its own way."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenbench.reporting.formats import millions, quantity, significant
from tokenbench.reporting.latex import latex_text
from tokenbench.reporting.leaderboard import Group, group_runs
from tokenbench.reporting.runs import load_run, load_runs
from tokenbench.reporting.tables import csv_text, latex, markdown


@pytest.fixture(scope="module")
def groups(runs: dict[str, Path]) -> list[Group]:
    return group_runs(load_runs(runs.values()))


def test_csv_has_every_value_in_full_precision(groups: list[Group], runs: dict[str, Path]) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(groups))))
    assert len(lines) == 16
    written = json.loads((runs["jpeg-q20"] / "result.json").read_text())["media"]["image"]["metrics"]
    (line,) = (line for line in lines if line["tokenizer"] == "jpeg-q20" and line["media"] == "image")
    assert float(line["psnr"]) == written["psnr"]["value"]
    assert [float(line["ssim_low"]), float(line["ssim_high"])] == written["ssim"]["ci95"]
    assert float(line["bits_per_pixel"]) == written["bits_per_pixel"]["value"]
    assert (line["dataset"], line["protocol"], line["storage"]) == ("tiny-mixed", "paper/1", "none")
    assert line["vocabulary"] == ""
    partial = [(line["tokenizer"], line["media"]) for line in lines if line["partial"] == "1"]
    assert partial == [("palette-D-1x4x4", "image")]


def test_markdown_marks_the_best_and_the_incomplete(groups: list[Group]) -> None:
    text = markdown(groups)
    board = text.split("### Photographs")[1]
    (best,) = (line for line in board.splitlines() if line.startswith("| jpeg-q70 | none"))
    assert best.count("**") == 4
    assert "| palette-D-1x4x4 † |" in board
    assert "† clips are missing" in text
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_latex_ranks_all_but_the_ceiling(groups: list[Group]) -> None:
    video = latex(groups).split(r"\end{table}")[0]
    lines = {line.split(" & ")[0]: line for line in video.splitlines() if " & none & " in line}
    assert r"\textbf" not in lines["identity"]
    assert r"\underline" not in lines["identity"]
    assert lines["jpeg-q70"].count(r"\textbf{") == 2
    assert video.count(r"\toprule") == video.count(r"\bottomrule") == 1
    # One rule below the head, one between the storages.
    assert video.count(r"\midrule") == 2
    assert video.count(r"\underline{") == 4


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("h264_crf23 & 50%", r"h264\_crf23 \& 50\%"),
        (r"a\b{c}", r"a\textbackslash{}b\{c\}"),
        ("$x^2~#1", r"\$x\textasciicircum{}2\textasciitilde{}\#1"),
        ("<a>\n[b]", r"\textless{}a\textgreater{} {[}b]"),
        ("8×8 †", r"8$\times$8 \textdagger{}"),  # noqa: RUF001
    ],
)
def test_latex_specials_are_escaped(text: str, escaped: str) -> None:
    assert latex_text(text) == escaped


def test_hostile_names_cannot_leave_their_cells(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"]["name"] = "a|b_c <script>`*\n%\\"

    groups = group_runs([load_run(change(runs["means"], edit))])
    assert r"| a\|b\_c &lt;script&gt;\`\* %\\ | none |" in markdown(groups)
    assert r"a\textbar{}b\_c \textless{}script\textgreater{}`* \%\textbackslash{} & none &" in latex(groups)
    assert next(csv.DictReader(io.StringIO(csv_text(groups))))["tokenizer"] == "a|b_c <script>`*\n%\\"


def test_missing_values_are_dashes_or_empty(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["tokenizer"] = {"name": "compare"}
        result["dataset"] = {"name": "folder", "protocol": "compare/1"}
        result["metrics"] = {"psnr": {"value": None, "unit": "dB", "ci95": [None, None], "n": 0}}
        del result["media"]

    groups = group_runs([load_run(change(runs["means"], edit))])
    assert "| compare | none | \N{EN DASH} | \N{EN DASH} | \N{EN DASH} |" in markdown(groups)
    line = next(csv.DictReader(io.StringIO(csv_text(groups))))
    assert {line[key] for key in ("psnr", "kind", "compression_t", "parameters", "bits_per_pixel")} == {""}


def test_digits() -> None:
    assert [significant(value) for value in (0.046875, 24.0, 0.75, 1536.4, 0)] == [
        "0.0469",
        "24.0",
        "0.750",
        "1536",
        "0",
    ]
    assert quantity("psnr").format(31.006) == "31.01"
    assert quantity("ssim").format(0.98765) == "0.9877"
    assert quantity("psnr").format(float("inf")) == "∞"
    assert [millions(count) for count in (None, 0, 12, 83_700_000)] == ["\N{EN DASH}", "0", "<0.001", "83.7"]


def test_a_metric_of_later_times_gets_its_column_unranked(runs: dict[str, Path], change: Callable[..., Path]) -> None:
    def edit(result: dict[str, Any]) -> None:
        for media in result["media"].values():
            media["metrics"]["dreamsim"] = {"value": 0.1234, "unit": "", "ci95": [0.1, 0.15], "n": 4}

    groups = group_runs(load_runs([change(runs["means"], edit), runs["jpeg-q20"]]))
    text = markdown(groups)
    assert "| PSNR (dB) | SSIM | dreamsim | Clips |" in text
    assert "| 0.123 [0.100, 0.150] |" in text
