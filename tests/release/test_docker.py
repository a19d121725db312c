"""No engine runs here, so the image is not built: what can be told from the files, is."""

from __future__ import annotations

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from documents_support import ROOT

# Instruction and arguments, continuation lines joined.
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()
    if line and not line.startswith("#")
]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def copied() -> list[str]:
    """What the image gets, below the root."""
    return [source for rest in arguments("COPY") for source in shlex.split(rest)[:-1]]


def sent_to_the_engine(path: str) -> bool:
    """Whether .dockerignore lets a path through: the last line that fits it, or a folder above it, decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            if any(fnmatch.fnmatch(part, pattern) for part in (path, *map(str, Path(path).parents))):
                ignored = not line.startswith("!")
    return not ignored


def test_every_instruction_is_one() -> None:
    known = {"FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in INSTRUCTIONS} <= known
    assert INSTRUCTIONS[0][0] == "FROM"


def test_the_base_is_a_cuda_image_of_a_stated_version() -> None:
    (base,) = arguments("FROM")
    assert re.fullmatch(r"nvidia/cuda:\d+\.\d+\.\d+-(base|runtime)-ubuntu\d\d\.04", base)


def test_commands_run_as_a_user_without_rights() -> None:
    user = arguments("USER")[-1]
    assert user not in ("root", "0")
    assert any(f"useradd --create-home --uid 10001 {user}" in run for run in arguments("RUN"))
    # Nothing is copied or installed after it.
    names = [name for name, _ in INSTRUCTIONS]
    assert not {"COPY", "RUN"} & set(names[names.index("USER") :])


def test_the_entry_point_is_the_command() -> None:
    assert arguments("ENTRYPOINT") == ['["tokenbench"]']
    assert not any("latest" in rest for _, rest in INSTRUCTIONS)


def test_the_extras_that_it_installs_are_all_there_are() -> None:
    (extras,) = re.findall(r"'\.\[(.*?)\]'", " ".join(arguments("RUN")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) == project["optional-dependencies"].keys()


def test_what_is_copied_reaches_the_engine_and_nothing_else_does() -> None:
    for path in copied():
        assert (ROOT / path).exists()
        assert sent_to_the_engine(path), path
    for path in (".git", ".venv", "runs", "tests", "reports/reference", "docs", "tokenbench/__pycache__"):
        assert not sent_to_the_engine(path), path


def test_what_is_copied_is_enough_to_build_the_same_package(tmp_path: Path) -> None:
    place = tmp_path / "source"
    for path in copied():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / path, target)
    assert names_in_wheel(place, tmp_path / "copied") == names_in_wheel(ROOT, tmp_path / "checkout")


def names_in_wheel(source: Path, out: Path) -> set[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    # Compiled kernels that a run leaves beside the modules are in no package.
    return set(zipfile.ZipFile(next(out.glob("*.whl"))).namelist())
