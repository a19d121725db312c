"""What is said to those who do not know the commands yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.mark.parametrize("called", [(), ("list",), ("weights",)])
def test_a_command_that_is_missing_brings_the_help_as_it_is_laid_out(
    tokenbench: Command, called: tuple[str, ...]
) -> None:
    outcome, asked = tokenbench(*called), tokenbench(*called, "--help")
    assert (outcome.code, asked.code) == (2, 0)
    assert outcome.err.rstrip() == asked.out.rstrip()
    assert f"Usage: {' '.join(['tokenbench', *called])} [OPTIONS] COMMAND [ARGS]..." in outcome.err.splitlines()


@pytest.mark.parametrize(
    ("called", "example"),
    [((), "    tokenbench report runs/* --out reports/mine"), (("train",), "    tokenbench train cv-4x8x8 stage1 ")],
)
def test_examples_keep_a_line_each(tokenbench: Command, called: tuple[str, ...], example: str) -> None:
    text = tokenbench(*called, "--help").out
    assert r"\b" not in text
    assert any(line.startswith(example) for line in text.splitlines())


@pytest.mark.parametrize("command", ["eval", "throughput"])
def test_commas_alone_name_no_tokenizer(tokenbench: Command, command: str, tmp_path: Path) -> None:
    outcome = tokenbench(command, "--tokenizer", " , ", "--out", tmp_path)
    assert outcome.code == 2
    assert "' , ' names no tokenizer: 'tokenbench list tokenizers' shows all" in outcome.message


def test_a_tokenizer_named_twice_is_scored_once(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = tokenbench(
        "eval", "--tokenizer", "haar-4x8x8,haar-4x8x8", "--dataset", folder, "--frames", 3, "--out", out
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("written to") == 1


def test_what_failed_takes_one_line_whatever_it_is_called(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    (folder / "two\nlines\x1b[31m.png").touch()
    outcome = tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", tmp_path / "run")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(r"failed: two lines\x1b[31m.png: ")


def test_weights_that_come_with_the_package_are_not_sent_for(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    outcome = tokenbench("eval", "--tokenizer", "cosmos-ci-8x8-mini", "--dataset", folder, "--weights", nowhere)
    assert outcome.code == 2
    assert f"no weights for cosmos-ci-8x8-mini at {nowhere}" in outcome.message
    assert "without --weights it takes its own" in outcome.message
