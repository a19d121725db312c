"""`tokenbench download`, from a site on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from download_support import Site, mp4, serving, table_row, write_table
from numpy.typing import NDArray

from tokenbench.datasets.catalog import open_dataset

Command = Callable[..., Any]
ONE, OTHER = "-TfD4eKDfbI", "0-aW3PKnj8E"
SECOND = ("0:00:00.000", "0:00:01.000")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as site:
        yield site


@pytest.fixture
def content(carphone: NDArray[np.uint8], tmp_path: Path) -> bytes:
    return mp4(tmp_path / "a.mp4", carphone)


def test_what_was_downloaded_is_a_data_set(site: Site, content: bytes, tokenbench: Command, tmp_path: Path) -> None:
    rows = [table_row(ONE, site.put("a.mp4", content), ("0:00:00.200", "0:00:00.600"))]
    table, out = write_table(tmp_path / "test.csv", *rows), tmp_path / "a folder, $HOME %(id)s"
    outcome = tokenbench("download", "panda70m", "--list", table, "--out", out)
    assert outcome.code == 0, outcome.err
    assert f"1 of 1 clips are there; read them as panda70m:{out}" in outcome.out
    assert "research licence" in outcome.err
    assert {path.name for path in out.iterdir()} - {".download.lock"} == {f"{ONE}.mp4", "clips.csv"}
    (clip,) = open_dataset(f"panda70m:{out}").clips
    assert (clip.id, sum(map(len, clip.chunks(4)))) == (f"{ONE}_200_600", 10)


def test_failures_end_with_a_line_each_and_exit_code_1(
    site: Site, content: bytes, tokenbench: Command, tmp_path: Path
) -> None:
    gone = site.url("gone.mp4")
    rows = [
        table_row(ONE, gone, SECOND, ("0:00:05.000", "0:01:00.000")),
        table_row(OTHER, site.put("a", content), SECOND),
    ]
    table, out = write_table(tmp_path / "test.csv", *rows), tmp_path / "out"
    outcome = tokenbench("download", "panda70m", "--list", table, "--out", out, "--workers", 1)
    assert outcome.code == 1
    assert [line for line in outcome.err.splitlines() if line.startswith("failed: ")] == [
        f"failed: {ONE} 00:00:{start} to 00:0{end} ({gone}): Unable to download webpage: HTTP Error 404: Not Found"
        for start, end in (("00.000", "0:01.000"), ("05.000", "1:00.000"))
    ]
    assert (
        f"1 of 3 clips are there; read them as panda70m:{out}; the others are listed in {out / 'failed.csv'}"
        in outcome.out
    )
    limited = tokenbench("download", "panda70m", "--list", table, "--out", out, "--limit", 1)
    assert (limited.code, limited.out[:6]) == (1, "0 of 2")


def test_no_network_is_said_once(site: Site, tokenbench: Command, tmp_path: Path) -> None:
    dead = "http://127.0.0.1:1"
    table = write_table(tmp_path / "test.csv", *(table_row(f"{n:011d}", f"{dead}/{n}.mp4", SECOND) for n in range(20)))
    outcome = tokenbench("download", "panda70m", "--list", table, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.message.startswith("tokenbench: no network: 127.0.0.1 cannot be reached (")
    assert outcome.message.endswith("check the connection, and type the same command again")
    assert outcome.err.index("research licence") < outcome.err.index("no network")


def test_without_yt_dlp_it_is_said_what_to_install(
    tokenbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    table = write_table(tmp_path / "test.csv", table_row(ONE, "http://127.0.0.1:1/a.mp4", SECOND))
    outcome = tokenbench("download", "panda70m", "--list", table, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.message == "tokenbench: downloading needs yt-dlp; type pip install 'tokenbench[download]'"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"hello\n", b"videoID,url,timestamp\n-x,y,z\n", b"\xff\xfe\0"])
def test_a_file_that_is_no_list_is_one_line(content: bytes, tokenbench: Command, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(content)
    for path in (tmp_path / "list", tmp_path / "missing"):
        outcome = tokenbench("download", "panda70m", "--list", path, "--out", tmp_path / "out")
        assert outcome.code == 2
        assert str(path) in outcome.message
    assert not (tmp_path / "out").exists()


def test_its_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from tokenbench.cli import run; run(['download', 'panda70m', '--help']); "
        "print(sorted({'av', 'numpy', 'torch', 'yt_dlp'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
