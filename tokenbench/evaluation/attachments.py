"""What clips leave behind that is too large for a journal's line: append-only files beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.record import Attached
from tokenbench.files import cannot_write


class Attachments:
    """One file a kind of attachment; each clip's bytes follow those of the clip before.

    Args:
        folder: where the files lie; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """The file of one kind, which need not exist."""
        return self._folder / f"{name}.bin"

    def append(self, parts: Mapping[str, bytes]) -> dict[str, Attached]:
        """Add one clip's bytes, by kind; they are on disk when this returns.

        Returns:
            Their lengths and checksums, for the clip's record.

        Raises:
            OutputError: the disk is full or cannot be written.
        """
        for name, data in parts.items():
            path = self.path(name)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with path.open("ab") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise cannot_write(path, error) from error
        return {name: Attached.of(data) for name, data in parts.items()}

    def read(self, name: str, start: int, attached: Attached) -> bytes:
        """The bytes of one clip.

        Args:
            name: kind of attachment.
            start: sum of the lengths of the clips before it.
            attached: what is recorded of its own.

        Raises:
            TokenBenchError: they are not what was written, or cannot be read.
        """
        return next(self._read(name, start, [attached]))

    def check(self, name: str, recorded: Sequence[Attached]) -> None:
        """Read a file whole, before it is used as it lies there.

        Args:
            name: kind of attachment.
            recorded: of every clip that has one, in the order in which they were added.

        Raises:
            TokenBenchError: it is not what was written, or cannot be read.
        """
        for _ in self._read(name, 0, recorded) if recorded else ():
            pass

    def cut(self, recorded: Iterable[Mapping[str, Attached]]) -> None:
        """Drop what follows the last recorded clip: its run was interrupted before the journal knew of it.

        Args:
            recorded: as `append` gave it, of every clip that the journal holds.

        Raises:
            TokenBenchError: a file is shorter than what was recorded.
            OutputError: a file cannot be written.
        """
        lengths: dict[str, int] = {}
        for parts in recorded:
            for name, attached in parts.items():
                lengths[name] = lengths.get(name, 0) + attached.length
        for path in sorted(self._folder.glob("*.bin")):
            lengths.setdefault(path.stem, 0)
        for name, length in lengths.items():
            self._cut_file(self.path(name), length)

    def _read(self, name: str, start: int, recorded: Iterable[Attached]) -> Iterator[bytes]:
        path = self.path(name)
        try:
            with path.open("rb") as file:
                file.seek(start)
                for attached in recorded:
                    data = file.read(attached.length)
                    if Attached.of(data) != attached:
                        raise TokenBenchError(
                            f"{path}: damaged, {attached.length} bytes before byte {file.tell()} are not what was "
                            "written; delete that run and start again"
                        )
                    yield data
        except OSError as error:
            raise TokenBenchError(f"{path}: cannot be read: {error.strerror}; check the file") from error

    def _cut_file(self, path: Path, length: int) -> None:
        there = path.stat().st_size if path.is_file() else 0
        if there < length:
            lost = f"{path}: damaged, it has lost {length - there} bytes"
            raise TokenBenchError(f"{lost}; delete that run and start again")
        if there > length:
            try:
                os.truncate(path, length)
            except OSError as error:
                raise cannot_write(path, error) from error
