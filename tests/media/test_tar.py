"""Files in tar archives, of friends and of others."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tokenbench.errors import ClipError
from tokenbench.media.member import Member
from tokenbench.media.tar import members, read_member

FILES = {"0000000_00000.mp4": b"video" * 300, "0000000_00000.json": b"{}", "folder/empty.txt": b""}


def pack(path: Path, files: dict[str, bytes], format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=format) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_are_read_from_every_format(tmp_path: Path, format: int) -> None:
    archive = pack(tmp_path / "a.tar", FILES, format)
    assert members(archive) == list(FILES)
    assert {name: read_member(archive, name) for name in FILES} == FILES
    assert Member(archive, "0000000_00000.mp4").read_bytes() == FILES["0000000_00000.mp4"]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_any_name_is_only_a_name(tmp_path: Path, format: int) -> None:
    names = ["/etc/passwd", "../../up.mp4", "a" * 300 + ".mp4", "-rf", "new\nline.mp4", "quo\"te'.mp4", "ключ.mp4"]
    archive = pack(tmp_path / "a.tar", {name: name.encode() for name in names}, format)
    assert members(archive) == names
    assert [read_member(archive, name) for name in names] == [name.encode() for name in names]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_links_folders_and_devices_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("device", tarfile.CHRTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("folder", tarfile.DIRTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("file")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    assert members(path) == ["file"]
    with pytest.raises(ClipError, match="holds no file 'link'"):
        read_member(path, "link")


def test_the_last_of_one_name_counts(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a": b"old"})
    with tarfile.open(path, "a") as archive:
        entry = tarfile.TarInfo("a")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"new"))
    assert members(path) == ["a"]
    assert read_member(path, "a") == b"new"


def test_a_changed_archive_is_read_again(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a": b"1"})
    assert members(path) == ["a"]
    pack(path, {"b": b"2"})
    os.utime(path, (1, 1))
    assert members(path) == ["b"]
    assert read_member(path, "b") == b"2"


def with_size(data: bytes, size: bytes) -> bytes:
    """Another size in the first header, and its check sum made good."""
    header = bytearray(data[:512])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "absurd size": lambda data: with_size(data, b"77777777777\0"),
    "size beyond any disk": lambda data: with_size(data, b"\x80" + b"\x7f" * 11),
    "negative size": lambda data: with_size(data, b"\xff" * 10 + b"\xfc\x00"),
    "cut in a file": lambda data: data[:1100],
    "cut in a header": lambda data: data[:2148],
    "damaged header": lambda data: data[:2048] + b"?" * 512 + data[2560:],
    "compressed": lambda data: b"\x1f\x8b" + data[2:],
    "text": lambda data: b"no archive",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_archive_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    path = pack(tmp_path / "a.tar", FILES, tarfile.USTAR_FORMAT)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ClipError, match=r"a\.tar: damaged, cut short or no tar file"):
        members(path)


def test_a_chain_of_long_names_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a" * 200: b"x"}, tarfile.GNU_FORMAT)
    data = path.read_bytes()
    path.write_bytes(data[:1024] * 2000 + data[1024:])
    with pytest.raises(ClipError, match="damaged"):
        members(path)


def test_an_archive_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"none\.tar: No such file"):
        members(tmp_path / "none.tar")
    (tmp_path / "folder.tar").mkdir()
    with pytest.raises(ClipError, match=r"folder\.tar: Is a directory"):
        read_member(tmp_path / "folder.tar", "a")
