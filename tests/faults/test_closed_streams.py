"""A process may begin without standard output or standard error, as some schedulers start it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_run_ends_the_same_without_them(closed: str, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "tokenbench", "eval", "--tokenizer", "haar-8x8", "--frames", "1", "--out"]
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *arguments, str(tmp_path / "run")], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ("29.295" in ended.stdout) == (closed == "2>&-")
    assert (tmp_path / "run" / "result.json").is_file()
