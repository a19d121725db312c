"""Digests that tell weight files apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenbench.files import sha256_of_file as sha256_of


def sha256_of_files(paths: Sequence[Path]) -> str:
    """One digest for a set of files; see `sha256_of_set`."""
    return sha256_of_set((path.name, sha256_of(path)) for path in paths)


def sha256_of_set(digests: Iterable[tuple[str, str]]) -> str:
    """One digest for a set of files, of their names without folders and their own digests.

    A single file has its own SHA-256. Several have the SHA-256 of their lines "digest  name", sorted: what
    `sha256sum * | sort | sha256sum` prints in a folder of them alone, in the C locale.
    """
    files = list(digests)
    if len(files) == 1:
        return files[0][1]
    lines = sorted(f"{digest}  {name}\n" for name, digest in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
