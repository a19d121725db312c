"""Every folder below a folder, in the order of names; links are followed, hidden folders and circles are not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tokenbench.errors import TokenBenchError


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """A folder, the names of its folders, which may be taken out so that they are not entered, and of its files.

    Raises:
        TokenBenchError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise TokenBenchError(f"{error.filename}: {error.strerror}; make the folder readable") from error

    for parent, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        place = Path(parent)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not _leads_back(place / name))
        yield place, folders, sorted(name for name in names if not name.startswith("."))


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in, so that following it would never end."""
    return folder.is_symlink() and folder.resolve() in {parent.resolve() for parent in folder.parents}
