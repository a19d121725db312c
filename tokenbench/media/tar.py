"""Files inside uncompressed tar archives (POSIX.1-2001, GNU), read in place: nothing is ever unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from tokenbench.errors import ClipError
from tokenbench.media.limits import MEMBER_BYTES, refuse_special_file
from tokenbench.media.member import Member

# Archives whose index is kept in memory; a shard of 1000 samples takes about half a megabyte.
_ARCHIVES_KEPT = 64


def members(archive: Path) -> list[str]:
    """Names of the files in a tar, as it writes them, in its order; links, folders and devices are left out.

    Raises:
        ClipError: the archive is missing, unreadable, damaged, cut short or compressed.
    """
    return list(_indexed(archive))


def read_member(archive: Path, name: str) -> bytes:
    """One file, whole; of several files of one name the last, as `tar` itself would leave it.

    Args:
        archive: the tar file.
        name: as `members` gives it.

    Raises:
        ClipError: as `members`, or there is no such file in it, or it is too large.
    """
    place = _indexed(archive).get(name)
    if place is None:
        raise ClipError(f"{archive}: holds no file {name!r}; check the name with 'tar -tf'")
    offset, size = place
    MEMBER_BYTES.refuse_more(Member(archive, name), size, f"{size:,} bytes")
    try:
        with archive.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise _unreadable(archive, error) from error


def _indexed(archive: Path) -> Mapping[str, tuple[int, int]]:
    """Offset and size of every file by its name; read again when the archive has changed."""
    refuse_special_file(archive)
    try:
        status = archive.stat()
    except OSError as error:
        raise _unreadable(archive, error) from error
    return _index(archive, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_ARCHIVES_KEPT)
def _index(archive: Path, size: int, mtime_ns: int) -> Mapping[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    reached = -1
    try:
        with tarfile.open(archive, "r:") as tar:
            while (entry := tar.next()) is not None:
                # A negative size leads back to where the reader has been.
                if entry.offset <= reached or (entry.isreg() and not 0 <= entry.size <= size - entry.offset_data):
                    raise tarfile.ReadError(f"{entry.name!r} claims {entry.size} bytes")
                reached = entry.offset
                if entry.isreg() and not entry.issparse():
                    found[entry.name] = (entry.offset_data, entry.size)
            end = tar.offset
        _refuse_bad_end(archive, end)
    except OSError as error:
        raise _unreadable(archive, error) from error
    # What tarfile raises on hostile headers; a long chain of long names is a recursion to it.
    except (tarfile.TarError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise ClipError(f"{archive}: damaged, cut short or no tar file ({error}); copy or download it again") from error
    return found


def _refuse_bad_end(archive: Path, end: int) -> None:
    """A damaged header is the end of the archive to tarfile; the true end is a block of zeros, or of the file."""
    with archive.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"no header at byte {end}")


def _unreadable(archive: Path, error: OSError) -> ClipError:
    return ClipError(f"{archive}: {error.strerror or error}; check the path and its permissions")
