"""What a user gets: the wheel, in an environment of its own, from a folder that is not the checkout."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import trove_classifiers

ROOT = Path(__file__).parents[1]
UV = Path(sysconfig.get_path("scripts"), "uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert roots == {"tokenbench", "tokenbench_baselines", "tokenbench_cosmos"}
    assert "tokenbench/manifests/mini.toml" in names
    assert "tokenbench/paper/table5.csv" in names
    assert "tokenbench/paper/reproduction.toml" in names
    assert "tokenbench_cosmos/recipes/tiny.toml" in names
    assert any(name.startswith("tokenbench/reporting/templates/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for package in roots:
        assert f"{package}/py.typed" in names


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    said = email.message_from_bytes(archive.read(path))
    assert said["License-Expression"] == "Apache-2.0"
    assert said["License-File"] == "LICENSE"
    assert said["Author"] == "The TokenBench authors"
    assert "Typing :: Typed" in said.get_all("Classifier", [])
    assert said.get_all("Project-URL") == ["Source of the protocols, https://arxiv.org/abs/2501.03575"]
    assert set(said.get_all("Classifier", [])) <= trove_classifiers.classifiers


@pytest.mark.slow
def test_installed_alone_it_works_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    if not UV.exists():
        pytest.skip("needs uv, which 'make install' brings")
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    place = tmp_path / "environment"
    python = place / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(place)], check=True, env=environment)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", str(python), str(wheel)], check=True, env=environment)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def tokenbench(*arguments: str) -> str:
        command = [str(place / "bin" / "tokenbench"), *arguments]
        return subprocess.run(
            command, cwd=elsewhere, check=True, capture_output=True, text=True, env=environment
        ).stdout

    assert "haar-4x8x8" in tokenbench("list", "tokenizers")
    tokenbench("eval", "--tokenizer", "haar-4x8x8", "--limit", "1", "--frames", "9", "--out", "run")
    assert json.loads((elsewhere / "run/result.json").read_text())["dataset"]["name"] == "mini"
    tokenbench("report", "run", "--out", "report")
    assert (elsewhere / "report/index.html").stat().st_size > 10_000
