from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from tests_support import write_video

from tokenbench.metrics.conventions import CONVENTIONS

Command = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path, carphone: NDArray[np.uint8]) -> tuple[Path, Path]:
    clip = carphone[:3, 20:66, 50:106]
    copy = gaussian_filter(clip, (0, 1, 1, 0))
    return write_video(tmp_path / "a.mkv", clip), write_video(tmp_path / "b.mkv", copy)


def table_of(out: str) -> list[list[str]]:
    """The rows of the table, by their columns."""
    lines = out.splitlines()
    ruler = next(index for index, line in enumerate(lines) if line.startswith("---"))
    starts = [0, *(i + 2 for i in range(len(lines[ruler]) - 1) if lines[ruler][i : i + 2] == "  ")]
    rows = lines[ruler + 1 : ruler + 1 + len(CONVENTIONS)]
    return [[row[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for row in rows]


def test_every_convention_has_a_row(pair: tuple[Path, Path], tokenbench: Command) -> None:
    outcome = tokenbench("drift", *pair)
    assert outcome.code == 0
    assert "b.mkv: 3 frames of 56x46" in outcome.out
    rows = {row[0]: row[1:] for row in table_of(outcome.out)}
    assert list(rows) == [convention.label for convention in CONVENTIONS.values()]
    assert rows["paper/1"][0] == CONVENTIONS["paper"].tool
    assert (rows["paper/1"][2], rows["paper/1"][4]) == ("+0.000", "+0.00000")
    assert rows["range-2/1"][2].startswith("+6.02")
    assert rows["truncate/1"][1:] == ["-", "-", "-", "-", "needs a float reconstruction (.npy)"]


def test_a_number_in_a_paper_is_recognised(pair: tuple[Path, Path], tokenbench: Command, tmp_path: Path) -> None:
    tokenbench("drift", *pair, "--json", tmp_path / "d.json")
    values = {row["label"]: row["values"] for row in json.loads((tmp_path / "d.json").read_text())["rows"]}
    rows = table_of(tokenbench("drift", *pair, "--psnr", f"{values['luma/1']['psnr']:.2f}").out)
    assert (rows[0][0], rows[0][6]) == ("luma/1", "prints the same")
    assert "prints the same" not in {row[6] for row in rows[1:]}
    rows = table_of(tokenbench("drift", *pair, "--psnr", "99.99", "--ssim", "0.999").out)
    assert (rows[0][0], rows[0][6]) == ("range-2/1", "closest")
    assert {row[6] for row in rows[1:]} == {"", "needs a float reconstruction (.npy)"}


def test_json_says_what_the_table_says(pair: tuple[Path, Path], tokenbench: Command, tmp_path: Path) -> None:
    outcome = tokenbench("drift", *pair, "--frames", 2, "--json", tmp_path / "d.json")
    written = json.loads((tmp_path / "d.json").read_text())
    assert (written["schema"], written["reference"], written["frames"]) == ("tokenbench.drift/1", "a.mkv", 2)
    for row, cells in zip(written["rows"], table_of(outcome.out), strict=True):
        assert row["convention"] == CONVENTIONS[row["convention"]["name"]].as_dict()
        assert cells[0] == row["label"]
        assert cells[2] == (f"{row['values']['psnr']:.3f}" if row["values"] else "-")
        assert cells[6] == row["note"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{a}", "{folder}/none.mkv"], "no such file"),
        (["{a}", "{folder}"], "is a folder; give one file"),
        (["{a}", "{b}", "--psnr", "31,8"], "'31,8' is not a number"),
        (["{a}", "{b}", "--frames", "0"], "--frames"),
        (["{a}", "{b}", "--json", "{a}/d.json"], "cannot write"),
    ],
)
def test_mistakes_are_one_line(
    pair: tuple[Path, Path], tokenbench: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    outcome = tokenbench("drift", *(text.format(a=pair[0], b=pair[1], folder=tmp_path) for text in arguments))
    assert outcome.code == 2
    assert message in outcome.message


def test_help_costs_no_torch_and_no_numpy() -> None:
    code = (
        "import sys; from tokenbench.cli import run; assert run(['drift', '--help']) == 0;"
        "print(*{'torch', 'numpy', 'numba', 'scipy'} & set(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: tokenbench drift" in result.stdout
    assert result.stderr.strip() == ""
