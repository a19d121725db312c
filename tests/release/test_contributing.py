"""CONTRIBUTING.md, followed to the letter: its files written, its changes applied, its commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from documents_support import ROOT, Block, blocks, commands

from tokenbench.media.image import write_png

PAGE = Path("CONTRIBUTING.md")
UV = Path(sysconfig.get_path("scripts"), "uv")
# Everything that its commands touch.
COPIED = ("tokenbench", "tokenizers", "manifests", "reports/paper", "tests", "pyproject.toml", "README.md", "LICENSE")


def test_its_changes_fit_the_code_as_it_is_and_are_in_its_style(tmp_path: Path) -> None:
    place = a_checkout(tmp_path)
    written = [path for block in blocks(PAGE, "python", "toml", "diff") if (path := carry_out(block, place))]
    assert len(written) == 8 + 3
    sources = [path for path in written if path.endswith(".py")]
    # The first file is a user's own, for whom the house has no rules.
    for arguments in (["check", *sources, "--ignore", "D"], ["format", "--check", *sources]):
        run = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=place, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.docs
@pytest.mark.skipif(not UV.exists(), reason="needs uv, which 'make install' brings")
def test_followed_from_scratch_it_adds_a_tokenizer_a_metric_and_a_data_set(tmp_path: Path) -> None:
    place = a_checkout(tmp_path)
    photograph = np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3).astype(np.uint8)
    for number in (3, 5):
        path = place / f"path/to/kodak/kodim{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, photograph)
    environment = an_environment(place, tmp_path)
    printed = ""
    for block in blocks(PAGE, "sh", "python", "toml", "diff"):
        if block.language != "sh":
            carry_out(block, place)
            continue
        for command in commands(block):
            if not command.needs:
                run = subprocess.run(
                    ["bash", "-c", command.text], cwd=place, env=environment, capture_output=True, text=True
                )
                assert run.returncode == 0, f"{block.where}: {command.text}\n{run.stdout}{run.stderr}"
                printed += run.stdout

    assert re.search(r"^halves-1x2x2 .*ready", printed, re.MULTILINE)
    assert re.search(r"^mae ", printed, re.MULTILINE)
    results = {
        name: json.loads((place / "runs" / name / "result.json").read_text()) for name in os.listdir(place / "runs")
    }
    assert results.keys() == {"halves", "halves-1x2x2", "mae", "kodak"}
    assert results["halves"]["tokenizer"]["name"] == "halves"
    assert results["halves-1x2x2"]["tokenizer"]["name"] == "halves-1x2x2"
    assert "mae" in json.dumps(results["mae"])
    assert results["kodak"]["dataset"]["name"] == "kodak"


def a_checkout(place: Path) -> Path:
    """A copy of what the page works on."""
    copy = place / "checkout"
    for path in COPIED:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, copy / path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / path, copy / path)
    return copy


def carry_out(block: Block, place: Path) -> str:
    """Write the file that a block shows, under the name above it, or make the change; the path of the file."""
    if block.language == "diff":
        subprocess.run(
            ["git", "apply", "--recount", "-"], cwd=place, input=block.text, text=True, check=True, capture_output=True
        )
        return re.findall(r"^\+\+\+ b/(.*)$", block.text, re.MULTILINE)[0]
    named = re.match(r"`([\w./-]+)`[:,]", block.before)
    assert named, f"{block.where}: no name stands above this block"
    path = place / named[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)
    return named[1]


def an_environment(checkout: Path, place: Path) -> dict[str, str]:
    """Where `tokenbench`, `python` and `pytest` are the checkout's, and `pip install` brings no dependencies along."""
    programs, packages = place / "bin", place / "site-packages"
    programs.mkdir()
    install = f'exec {UV} pip "$@" --quiet --python {sys.executable} --target {packages} --no-deps --no-build-isolation'
    for name, line in {
        "python": f'exec {sys.executable} "$@"',
        "tokenbench": f'exec {sys.executable} -m tokenbench "$@"',
        "pytest": f'exec {sys.executable} -m pytest -p no:cacheprovider "$@"',
        "pip": install,
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TOKENBENCH_"))}
    return {
        **inherited,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{checkout}:{checkout / 'tokenizers'}:{packages}",
    }
