from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tokenbench.errors import OutputError
from tokenbench.files import safe_name, whole_file, write_bytes, write_text


def test_a_file_that_fails_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="half way"), whole_file(path) as temporary:
        temporary.write_text("ne")
        raise ValueError("half way")
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["a.txt"]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "text")
    finally:
        os.umask(mask)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OutputError, match=r"cannot write .*file/a\.txt: (Not a directory|File exists); free some space"
    ):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_bytes(path, b"old")
    with whole_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert (temporary.parent, temporary.suffix, temporary.name[0]) == (tmp_path, ".mkv", ".")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.mkv"]


def test_a_failed_write_inside_the_block_is_an_output_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left on device") as error, whole_file(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_a_folder_of_that_name_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        write_text(tmp_path / "a.txt", "text")
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cosmos-cv-4x8x8-mini", "cosmos-cv-4x8x8-mini"),
        ("diffusers:owner/name#vae", "diffusers-owner-name-vae"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\tb\nc\x1b[2J/é", "a-b-c-2J"),
        ("x" * 999, "x" * 120),
        ("...", "unnamed"),
    ],
)
def test_any_text_makes_the_name_of_one_folder(text: str, name: str) -> None:
    assert safe_name(text) == name
