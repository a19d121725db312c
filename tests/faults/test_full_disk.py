"""Disks that are full, or fail: one line, what is done is kept, and with room again the same command ends the same."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults_support import building, contents, is_temporary, scoring
from tests_support import Outcome
from training_support import write_recipe

Command = Callable[..., Outcome]

# What writes in a folder: Python's own functions, on which all others stand.
WRITING = ("open", "fsync", "replace", "mkdir", "truncate")


class FailingDisk:
    """Counts what is written; from a certain time on, nothing can be."""

    def __init__(self) -> None:
        self.count = 0
        self.fails_at = sys.maxsize

    def written(self, *arguments: Any) -> None:
        if len(arguments) > 1 and isinstance(arguments[1], int) and not arguments[1] & os.O_CREAT:
            return  # opened to be read
        self.count += 1
        if self.count >= self.fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def failing(disk: FailingDisk, at: int) -> Iterator[None]:
    """A disk on which the write of that number fails, and all after it."""
    disk.count, disk.fails_at = 0, at
    try:
        yield
    finally:
        disk.fails_at = sys.maxsize


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    counted = FailingDisk()
    for name in WRITING:
        function = getattr(os, name)

        def call(*arguments: Any, _function: Callable[..., Any] = function, **more: Any) -> Any:
            counted.written(*arguments)
            return _function(*arguments, **more)

        monkeypatch.setattr(os, name, call)
    return counted


# A report writes many files, all in one way.
@pytest.mark.parametrize(("name", "tries"), [("eval", 12), ("merge", 12), ("build", 12), ("report", 2)])
def test_any_write_may_fail(
    tokenbench: Command, disk: FailingDisk, clips: Path, tmp_path: Path, name: str, tries: int
) -> None:
    def command(out: Path) -> tuple[object, ...]:
        return {
            "eval": scoring(clips, out, "--save-reconstructions"),
            "merge": ("merge", tmp_path / "parts", "--out", out),
            "build": building(clips, out),
            "report": ("report", tmp_path / "parts", "--out", out),
        }[name]

    if name == "report":
        # Fewer figures: a photograph has no curve of frames.
        (clips / "a.mkv").unlink()
    if name in ("merge", "report"):
        assert tokenbench(*scoring(clips, tmp_path / "parts", "--metrics", "psnr", "--shard", "1/1")).code == 0
        assert tokenbench("merge", tmp_path / "parts").code == 0
    assert tokenbench(*command(tmp_path / "whole")).code == 0
    # Counted the second time: the first one of a process also makes folders for what it compiles.
    with failing(disk, sys.maxsize):
        assert tokenbench(*command(tmp_path / "again")).code == 0
        writes = disk.count
    assert writes > 8
    expected, out = contents(tmp_path / "whole"), tmp_path / "run"
    for at in range(1, writes + 1, max(1, writes // tries)):
        shutil.rmtree(out, ignore_errors=True)
        with failing(disk, at):
            outcome = tokenbench(*command(out))
        assert outcome.code == 2, f"write {at} of {writes}"
        assert "cannot write" in outcome.message
        assert "No space left on device" in outcome.message
        assert not any(map(is_temporary, out.rglob("*")))
        assert tokenbench(*command(out)).code == 0, f"after write {at} of {writes}"
        assert contents(out) == expected


# In a name space of mounts of its own, which ends with it.
SMALL_DISK = """
import json, os, shutil, subprocess, sys
from pathlib import Path
from tokenbench.cli import run
disk, elsewhere = Path(sys.argv[1]), Path(sys.argv[2])

def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", disk], check=True)

def leave(free):
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    room = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - free)

mount("size=64m")
codes = {}
for name, command in json.loads(sys.argv[3]).items():
    codes[name] = []
    for kibibytes in (0, 16, 128, 1024, 16384):
        leave(kibibytes << 10)
        codes[name].append(run(command))
    shutil.copytree(disk / name, elsewhere / name)
mount("remount", "ro")
codes["read-only"] = [run(command) for command in json.loads(sys.argv[4])]
print("codes", json.dumps(codes))
"""


def test_real_disks_that_are_full_or_read_only(tokenbench: Command, clips: Path, folder: Path, tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("a small disk is mounted in a name space, which this system does not allow")
    disk, whole = tmp_path / "disk", tmp_path / "whole"
    disk.mkdir()
    (tmp_path / "copied").mkdir()
    recipe = write_recipe(tmp_path, folder)
    # A report of few figures.
    (tmp_path / "photographs").mkdir()
    shutil.copy(clips / "b.png", tmp_path / "photographs")
    photograph = tmp_path / "photograph"
    assert tokenbench(*scoring(tmp_path / "photographs", photograph, "--metrics", "psnr")).code == 0

    def commands(place: Path) -> dict[str, list[str]]:
        lines = {
            "eval": scoring(clips, place / "eval", "--metrics", "psnr", "--save-reconstructions"),
            "build": building(clips, place / "build"),
            "train": ("train", recipe, "--set", "steps=2", "--out", place / "train"),
            "report": ("report", photograph, "--out", place / "report"),
        }
        return {name: [str(word) for word in line] for name, line in lines.items()}

    for line in commands(whole).values():
        assert tokenbench(*line).code == 0
    other = [str(word) for word in scoring(clips, disk / "other")]
    given = json.dumps(commands(disk)), json.dumps([other, *commands(disk).values()])
    ended = subprocess.run(
        [*alone, sys.executable, "-c", SMALL_DISK, str(disk), str(tmp_path / "copied"), *given],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    codes = json.loads(ended.stdout.splitlines()[-1].removeprefix("codes "))
    for name in ("eval", "build", "train", "report"):
        assert codes[name][0] == 2, name
        assert codes[name] == sorted(codes[name], reverse=True), "2 as long as there is no room, and then 0"
        assert codes[name][-1] == 0, name
        assert set(contents(tmp_path / "copied" / name)) == set(contents(whole / name))
    for name in ("eval", "build", "report"):
        assert contents(tmp_path / "copied" / name) == contents(whole / name)
    assert codes["read-only"] == [2] * 5
    lines = [line for line in ended.stderr.splitlines() if line.startswith("tokenbench: ")]
    assert len(lines) == sum(each.count(2) for each in codes.values())
    assert all("cannot write" in line for line in lines)
    assert sum("Read-only file system" in line for line in lines) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_output_that_is_sent_to_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "tokenbench", "list", "protocols"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 2
    assert ended.stderr == "tokenbench: cannot write the output: No space left on device; free some space\n"
