"""The digest of a clip's files, remembered so that large files are read once."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.store.store import Store, key_of

DIGESTS = "digests"

# A file that was changed so short a time ago may change again without a new time stamp: some have steps of two seconds.
_SETTLED_NS = 2_000_000_000

# Name, size and time of change of each file.
Signature = list[tuple[str, int, int]]


def content_sha256(path: Path, store: Store) -> str:
    """SHA-256 of a file's content; of a folder's, of its files' names and digests.

    Args:
        path: of a file, or of a folder of files.
        store: remembers the digest for as long as no size and no time of change is another.

    Raises:
        TokenBenchError: it cannot be read.
    """
    signature = signature_of(path)
    key = key_of(path=str(path.resolve()), files=signature)
    if (known := store.get(DIGESTS, key)) is not None:
        return known.decode()
    digest = _digest(path)
    if signature == signature_of(path) and all(time.time_ns() - changed > _SETTLED_NS for _, _, changed in signature):
        store.put(DIGESTS, key, digest.encode())
    return digest


def signature_of(path: Path) -> Signature:
    """What tells whether a file, or one of a folder's, has changed, without reading it.

    Raises:
        TokenBenchError: it cannot be read.
    """
    try:
        status = [(file.name, file.stat()) for file in _files(path)]
    except OSError as error:
        raise TokenBenchError(f"{path}: cannot be read: {error.strerror or error}; check the file") from error
    return [(name, each.st_size, each.st_mtime_ns) for name, each in status]


def _digest(path: Path) -> str:
    if not path.is_dir():
        return sha256_of_file(path)
    lines = [f"{file.name}\0{sha256_of_file(file)}\n" for file in _files(path)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
