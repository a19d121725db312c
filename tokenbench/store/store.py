"""Entries are files in a folder; whole or not there, checked when they are read, and bounded in their sum."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tokenbench.files import cannot_write, sha256_of_file, whole_file

# Of this stage one entry weighs as much as a thousand of others, and is made again from what they do not hold: when
# space is short, it goes first.
RECONSTRUCTIONS = "reconstructions"

_NAME = re.compile(r"(?P<key>[0-9a-f]{64})-(?P<sha256>[0-9a-f]{64})")

# How much of the limit may be written before the sum is taken again: other processes write too.
_UNSEEN = 1 / 50
# What is left when the limit is broken, so that not every entry has to look for another to remove.
_LEFT = 9 / 10

_DAY = 86400

_SCRATCH = ".scratch-"


def key_of(**decisive: Any) -> str:
    """The key of an entry.

    Args:
        decisive: everything that decides its content, as plain JSON data: input, parameters, versions of the code.
    """
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, allow_nan=False).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A file of the store.

    Args:
        stage: that made it.
        path: of the file, whose name is its key and the digest of its content.
        size: in bytes.
        used: when it was last read or written, in seconds since the epoch.
    """

    stage: str
    path: Path
    size: int
    used: float

    @property
    def sha256(self) -> str:
        """That its content must have."""
        return self.path.name.partition("-")[2]


class Store:
    """Entries by stage and key. Any number of processes may use one folder.

    Args:
        folder: of the store; made when the first entry is written.
        limit: bytes that all entries may take together; None for no limit.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder = folder
        self.limit = limit
        self._unseen: float | None = None

    def get(self, stage: str, key: str) -> bytes | None:
        """The content of an entry; None where there is none."""
        path = self._find(stage, key)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            # Another process has removed it just now.
            return None
        return content if self._is_whole(path, hashlib.sha256(content).hexdigest()) else None

    def find(self, stage: str, key: str) -> Path | None:
        """The file of an entry, to be read and left as it is; None where there is none."""
        path = self._find(stage, key)
        if path is None or not path.is_file():
            return None
        return path if self._is_whole(path, sha256_of_file(path)) else None

    def put(self, stage: str, key: str, content: bytes | Path) -> None:
        """Keep content, or a copy of a file's, unless there is some under that key.

        Raises:
            OutputError: it cannot be written.
        """
        if self._find(stage, key) is not None:
            return
        is_file = isinstance(content, Path)
        sha256 = sha256_of_file(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
        with whole_file(self._shelf(stage, key) / f"{key}-{sha256}") as temporary:
            if isinstance(content, Path):
                shutil.copyfile(content, temporary)
            else:
                temporary.write_bytes(content)
        self._hold_limit(content.stat().st_size if is_file else len(content))  # type: ignore[arg-type, union-attr]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the store's disk, for as long as the block goes on.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=_SCRATCH, dir=self.folder)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        try:
            yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def entries(self) -> Iterator[Entry]:
        """Everything that is there."""
        for path in sorted(self.folder.glob("*/??/*")):
            if _NAME.fullmatch(path.name) and (status := _status(path)):
                yield Entry(path.parts[-3], path, status.st_size, status.st_mtime)

    def prune(self, limit: float) -> list[Entry]:
        """Remove what was used longest ago until the rest fits; reconstructions before all else.

        Args:
            limit: bytes that may be left.

        Returns:
            What was removed.

        Raises:
            OutputError: something cannot be removed.
        """
        entries = list(self.entries())
        total = sum(entry.size for entry in entries)
        removed = []
        for entry in sorted(entries, key=lambda entry: (entry.stage != RECONSTRUCTIONS, entry.used)):
            if total <= limit:
                break
            remove(entry.path)
            total -= entry.size
            removed.append(entry)
        self.remove_scraps()
        return removed

    def remove_scraps(self) -> None:
        """Remove what killed processes have left half written, a day ago or longer."""
        for path in self.folder.glob("*/??/.*"):
            if _is_left(path):
                remove(path)
        for path in self.folder.glob(f"{_SCRATCH}*"):
            # A long reconstruction is written into for days, and its folder not.
            if all(map(_is_left, [path, *path.rglob("*")])):
                shutil.rmtree(path, ignore_errors=True)

    def _shelf(self, stage: str, key: str) -> Path:
        return self.folder / stage / key[:2]

    def _find(self, stage: str, key: str) -> Path | None:
        return next(iter(sorted(self._shelf(stage, key).glob(f"{key}-*"))), None)

    def _is_whole(self, path: Path, sha256: str) -> bool:
        """Whether an entry's content is what its name says; one that is damaged is removed."""
        if path.name.endswith(f"-{sha256}"):
            _mark_used(path)
            return True
        tqdm.write(f"store: {path} is damaged; it is removed and made again", file=sys.stderr)
        remove(path)
        return False

    def _hold_limit(self, written: int) -> None:
        """Look at the sum of all entries once in a while, and make room where they are too many."""
        if self.limit is None:
            return
        if self._unseen is not None and self._unseen + written < self.limit * _UNSEEN:
            self._unseen += written
            return
        self._unseen = 0.0
        if sum(entry.size for entry in self.entries()) > self.limit:
            self.prune(self.limit * _LEFT)


def remove(path: Path) -> None:
    """Remove a file of the store; another process may have been faster.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def _status(path: Path) -> os.stat_result | None:
    """None where the file has just been removed."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_left(path: Path) -> bool:
    """Whether nobody has written to a file or folder for a day."""
    status = _status(path)
    return status is not None and time.time() - status.st_mtime > _DAY


def _mark_used(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        # Read-only, or removed just now: it is as good as it was, and only looks older than it is.
        return
