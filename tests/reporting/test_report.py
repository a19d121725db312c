"""The report as a whole: its files, its failures, its command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tokenbench.cli.report import command
from tokenbench.errors import TokenBenchError
from tokenbench.reporting.report import write_report

TABLES = {
    *("index.html", "leaderboard.csv", "leaderboard.json", "leaderboard.md", "leaderboard.tex"),
    *("slices.csv", "slices.tex"),
    *("model-index/means-c-1x4x4.yaml", "model-index/palette-d-1x4x4.yaml"),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_report_has_all_its_files_and_no_others(runs: dict[str, Path], tmp_path: Path) -> None:
    assert write_report(list(runs.values()), tmp_path / "new" / "report") == tmp_path / "new" / "report" / "index.html"
    plots = {
        f"plots/tiny-mixed-paper-1-{media}-{metric}{price}.{suffix}"
        for media in ("video", "image")
        for metric in ("psnr", "ssim")
        for price in ("", "-compression")
        for suffix in ("pdf", "png", "svg")
    }
    assert set(contents(tmp_path / "new" / "report")) == TABLES | plots


def test_the_same_runs_give_the_same_bytes(runs: dict[str, Path], tmp_path: Path) -> None:
    write_report(list(runs.values()), tmp_path / "one")
    again = "from tokenbench.reporting.report import write_report; from pathlib import Path; import sys;"
    again += "write_report([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", again, str(tmp_path / "two"), *map(str, runs.values())], check=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_bad_run_leaves_nothing_behind(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="no run at"):
        write_report([runs["means"], tmp_path / "absent"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="no runs to report"):
        write_report([], tmp_path)


def test_an_unwritable_folder_is_named(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TokenBenchError, match=r"cannot write .*file"):
        write_report([runs["means"]], tmp_path / "file")


def test_a_full_disk_is_named_and_leaves_no_half_file(runs: dict[str, Path], tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: the page is larger than it, the tables are not."""
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from tokenbench.errors import TokenBenchError; from tokenbench.reporting.report import write_report;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try: write_report([Path(sys.argv[1])], Path(sys.argv[2]))\n"
        "except TokenBenchError as error: print(error)"
    )
    line = [sys.executable, "-c", code, str(runs["means"]), str(tmp_path / "out")]
    output = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert output.startswith("cannot write ")
    assert output.count("\n") == 1
    assert "index.html" not in contents(tmp_path / "out")
    assert all(not Path(name).name.startswith(".") for name in contents(tmp_path / "out"))


def test_the_command_prints_the_leaderboard_and_the_page(runs: dict[str, Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(runs["means"]), str(runs["jpeg-q20"]), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert result.output.startswith("# Leaderboard")
    assert "| means-C-1x4x4 | none |" in result.output
    assert result.output.splitlines()[-1] == str(tmp_path / "out" / "index.html")


def test_help_is_fast() -> None:
    code = "import sys, tokenbench.cli.report; print({'torch', 'pandas', 'matplotlib', 'jinja2'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


def test_metrics_that_could_not_be_measured_are_named_with_the_reason(
    runs: dict[str, Path], change: Callable[..., Path], tmp_path: Path
) -> None:
    def edit(result: dict[str, Any]) -> None:
        result["unavailable"] = {"fid": "no network <inception-fid>"}

    write_report([change(runs["means"], edit, brief=True)], tmp_path / "report")
    assert "without rFID: no network" in (tmp_path / "report/leaderboard.md").read_text()
    page = (tmp_path / "report/index.html").read_text()
    assert "Metrics that could not be measured" in page
    assert "no network &lt;inception-fid&gt;" in page
    write_report([change(runs["means"], lambda result: None, "whole", brief=True)], tmp_path / "plain")
    assert "could not be measured" not in (tmp_path / "plain/index.html").read_text()
