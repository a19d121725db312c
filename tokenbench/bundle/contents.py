"""Read a bundle, folder or tar archive, whoever made it: only files that it lists, and each against its digest."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from tokenbench.bundle.record import RECORD, Bundle, BundledFile, parse
from tokenbench.errors import TokenBenchError, printable

README = "README.md"

_CHUNK = 1 << 20

# Of `bundle.json`; a hundred tokenizers in ten parts each take a third of a megabyte.
_LARGEST_RECORD = 16 << 20

# What tarfile raises on hostile headers; a long chain of long names is a recursion to it.
_BROKEN_TAR = (tarfile.TarError, ValueError, OverflowError, MemoryError, RecursionError, EOFError)


@dataclass(frozen=True)
class Contents:
    """An open bundle.

    Args:
        where: its path, for messages.
        bundle: what it says that it holds; each of these files is there, in the size that it says.
        open: the bytes of the file at a place.
    """

    where: Path
    bundle: Bundle
    open: Callable[[str], IO[bytes]]


@contextmanager
def open_bundle(path: Path) -> Iterator[Contents]:
    """A bundle to read from, as long as the block lasts. Nothing is unpacked.

    Raises:
        TokenBenchError: it is no bundle, is damaged or cut short, lacks files, or holds what is not listed in it.
    """
    if path.is_dir():
        yield _of_folder(path)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise TokenBenchError(
            f"cannot read {path}: {error.strerror or error}; name a bundle's folder, or its .tar file"
        ) from error
    with file:
        yield _of_tar(path, file)


def checked(contents: Contents, place: str, file: BundledFile) -> Iterator[bytes]:
    """A file's bytes, piece by piece.

    Raises:
        TokenBenchError: they cannot be read, or turn out at the end not to be what the bundle lists.
    """
    digest = hashlib.sha256()
    try:
        with contents.open(place) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                yield chunk
    except (OSError, tarfile.TarError) as error:
        raise _damaged(contents.where, error) from error
    if digest.hexdigest() != file.sha256:
        raise TokenBenchError(
            f"{contents.where}: {place} is damaged: its sha256 is not what {RECORD} says; copy the bundle again"
        )


def verify(contents: Contents, report: Callable[[int], object] = lambda size: None) -> None:
    """Read every file of a bundle, and compare it with its digest.

    Args:
        contents: of `open_bundle`.
        report: called with the size of every piece, in bytes.

    Raises:
        TokenBenchError: a file is damaged.
    """
    for place, file in contents.bundle.files:
        for chunk in checked(contents, place, file):
            report(len(chunk))


def _of_folder(folder: Path) -> Contents:
    def size_of(place: str) -> int | None:
        path = folder / place
        # A link could lead out of the folder.
        return path.stat().st_size if path.is_file() and path.resolve() == folder.resolve() / place else None

    return _listed(folder, size_of, lambda place: (folder / place).open("rb"))


def _of_tar(path: Path, file: BinaryIO) -> Contents:
    try:
        tar = tarfile.TarFile(fileobj=file)
        members = _members(tar, path, path.stat().st_size)
    except (OSError, *_BROKEN_TAR) as error:
        raise _damaged(path, error) from error

    def size_of(place: str) -> int | None:
        return members[place].size if place in members else None

    contents = _listed(path, size_of, lambda place: cast(IO[bytes], tar.extractfile(members[place])))
    listed = {RECORD, README, *(place for place, _ in contents.bundle.files)}
    if foreign := sorted(members.keys() - listed):
        raise _foreign(path, foreign[0])
    return contents


def _listed(path: Path, size_of: Callable[[str], int | None], open_: Callable[[str], IO[bytes]]) -> Contents:
    """The contents of a bundle whose files are all there, in the sizes that it says."""
    size = size_of(RECORD)
    if size is None:
        raise TokenBenchError(f"{path} is no bundle: it holds no {RECORD}; gather one with 'tokenbench bundle --out'")
    if size > _LARGEST_RECORD:
        raise TokenBenchError(f"{path} is refused: its {RECORD} has {size} bytes, expected {_LARGEST_RECORD} at most")
    try:
        with open_(RECORD) as record:
            text = record.read()
    except (OSError, tarfile.TarError) as error:
        raise _damaged(path, error) from error
    bundle = parse(text, str(path))
    for place, file in bundle.files:
        found = size_of(place)
        if found != file.bytes:
            state = "is missing, or a link" if found is None else f"has {found} bytes, expected {file.bytes}"
            raise TokenBenchError(f"{path}: {place} {state}; copy the bundle again")
    return Contents(path, bundle, open_)


def _members(tar: tarfile.TarFile, path: Path, size: int) -> dict[str, tarfile.TarInfo]:
    """The regular files of an archive by name; one with anything else but folders is refused."""
    found: dict[str, tarfile.TarInfo] = {}
    reached = -1
    while (member := tar.next()) is not None:
        # A negative size leads back to where the reader has been.
        if member.offset <= reached or not 0 <= member.size <= size:
            raise tarfile.ReadError(f"a file claims {member.size} bytes")
        reached = member.offset
        if member.isdir():
            continue
        if not member.isreg() or member.issparse() or member.name in found:
            raise _foreign(path, member.name)
        if member.offset_data + member.size > size:
            raise tarfile.ReadError("cut short")
        found[member.name] = member
    return found


def _foreign(path: Path, name: str) -> TokenBenchError:
    return TokenBenchError(
        f"{path} is refused: it holds {printable(name)}, which is no file that a bundle lists; take it from who made it"
    )


def _damaged(path: Path, error: BaseException) -> TokenBenchError:
    reason = printable(getattr(error, "strerror", None) or error)
    return TokenBenchError(f"{path} is no bundle, or is damaged or cut short ({reason}); copy it again")
