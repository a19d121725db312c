"""A file inside an archive: a tar file of samples (WebDataset), or a parquet table of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tokenbench.errors import ClipError


@dataclass(frozen=True)
class Member:
    """Named as the archive names it.

    Args:
        archive: a .tar or .parquet file.
        name: of a file in the tar, or of an image in the table.
    """

    archive: Path
    name: str

    def __str__(self) -> str:
        return f"{self.archive}:{self.name}"

    @property
    def suffix(self) -> str:
        """Of its name, such as ".mp4"."""
        return PurePosixPath(self.name).suffix

    def read_bytes(self) -> bytes:
        """The whole file, in memory.

        Raises:
            ClipError: the archive is damaged or holds no such file.
        """
        if self.archive.suffix == ".tar":
            from tokenbench.media import tar

            return tar.read_member(self.archive, self.name)
        if self.archive.suffix == ".parquet":
            from tokenbench.media import parquet

            return parquet.read_member(self.archive, self.name)
        raise ClipError(f"{self.archive}: neither a .tar nor a .parquet file; unpack it")
