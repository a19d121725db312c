"""What a run has done so far, on disk after every clip, so that it can go on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.record import ClipRecord
from tokenbench.files import cannot_write
from tokenbench.sealed import seal, unseal

_NAME = "journal.jsonl"


def fingerprint(configuration: dict[str, Any]) -> str:
    """Digest of everything that decides a run's numbers."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def read_journal(folder: Path, digest: str) -> dict[str, ClipRecord]:
    """What the journal in a folder holds so far, without locking it: its run may be at work.

    Raises:
        TokenBenchError: it belongs to another run, or is damaged.
    """
    path = folder / _NAME
    content = _whole_lines(path)
    return _parsed(path, content, digest) if content else {}


class Journal:
    """`journal.jsonl` in a run's folder: a header with the run's fingerprint, then a line for each finished clip.

    What is too large for a line lies in `attached/`. Holding a journal locks the folder. A last line that was cut by
    a crash is dropped, and so are attachments that no line speaks of.

    Raises:
        TokenBenchError: the folder belongs to another run, is in use, or cannot be written.
    """

    def __init__(self, out: Path, digest: str) -> None:
        self._path = out / _NAME
        self.attachments = Attachments(out / "attached")
        try:
            out.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(out / ".lock")
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise TokenBenchError(
                f"{out}: another run is writing there; wait for it or choose another --out"
            ) from error
        except OSError as error:
            raise cannot_write(out, error) from error
        try:
            self.records = self._resume(digest)
            self.attachments.cut(record.attached for record in self.records.values())
        except BaseException:
            self._lock.release()
            raise

    def add(self, record: ClipRecord, attached: Mapping[str, bytes]) -> None:
        """Keep a finished clip and its attachments, by kind; they are on disk when this returns."""
        record = replace(record, attached=self.attachments.append(attached))
        self.records[record.clip] = record
        self._append(record.as_dict())

    def close(self) -> None:
        """Unlock the folder."""
        self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resume(self, digest: str) -> dict[str, ClipRecord]:
        content = _whole_lines(self._path)
        if not content:
            self._cut(0)
            self._append({"fingerprint": digest})
            return {}
        records = _parsed(self._path, content, digest)
        self._cut(len(content))
        return records

    def _cut(self, length: int) -> None:
        """Drop what follows the last complete line."""
        try:
            if self._path.exists() and self._path.stat().st_size > length:
                os.truncate(self._path, length)
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(seal(entry).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error


def _whole_lines(path: Path) -> bytes:
    """Of a journal, without what a crash has cut."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise TokenBenchError(f"{path}: cannot be read: {error.strerror}; check the file") from error
    return content[: content.rfind(b"\n") + 1]


def _parsed(path: Path, content: bytes, digest: str) -> dict[str, ClipRecord]:
    """The records of a journal whose header is that of the run."""
    try:
        header, *lines = map(unseal, content.splitlines())
        known = header.get("fingerprint")
        records = {line["clip"]: ClipRecord.from_dict(line) for line in lines} if known == digest else {}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise TokenBenchError(f"{path}: damaged ({error}); delete that folder and start again") from error
    if known != digest:
        raise TokenBenchError(
            f"{path.parent}: holds a run with other settings; choose another --out, or delete that folder"
        )
    return records
