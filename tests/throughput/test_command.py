"""The command, end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from throughput_support import write_strangers

Command = Callable[..., Any]


def test_rows_are_measured_in_processes_of_their_own_and_one_that_fails_loses_no_other(
    tmp_path: Path, tokenbench: Command
) -> None:
    file, out = write_strangers(tmp_path), tmp_path / "out"
    sizes = ("--size", "64x64", "--frames", "2", "--warmup", "1", "--repeats", "2", "--out", out)
    outcome = tokenbench("throughput", "--tokenizer", f"haar-8x8,{file}:Small", "--tokenizer", f"{file}:Broken", *sizes)
    assert outcome.code == 1
    haar, small, broken = json.loads((out / "throughput.json").read_text())["rows"]
    assert [row["status"] for row in (haar, small, broken)] == ["measured", "measured", "failed"]
    assert haar["input"]["shape"] == [1, 3, 64, 64]
    # 64 cells, 16 coefficients of 192 pixels each; torch does not count the product with one vector, the mean.
    assert haar["flops"]["encode"] == 64 * 16 * 192 * 2
    assert 0 < small["memory"]["peak_bytes"] < 2**30
    assert broken["error"] == "ValueError: no way"
    assert f"{file}:Broken, failed at first decode: ValueError: no way" in outcome.out
    assert "a stranger's print" not in outcome.out
    assert "Images, " in outcome.out
    assert f"written to {out}" in outcome.out
    before = (out / "throughput.json").read_bytes()
    assert tokenbench("throughput", "--tokenizer", f"haar-8x8,{file}:Small", *sizes).code == 0
    assert (out / "throughput.json").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--size", "64", "'64' is no height and width, such as 720x1280"),
        ("--size", "0x64", "'0x64' is no height and width"),
        ("--frames", "1,none", "'none' is no whole number from 1 on"),
        ("--batch", "0", "'0' is no whole number from 1 on"),
    ],
)
def test_bad_options_are_one_line(tmp_path: Path, tokenbench: Command, option: str, value: str, message: str) -> None:
    outcome = tokenbench("throughput", "--tokenizer", "haar-8x8", option, value, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert message in outcome.message
