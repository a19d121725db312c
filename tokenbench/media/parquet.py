"""Images inside parquet tables, as the Hugging Face hub keeps data sets of photographs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.limits import MEMBER_BYTES, refuse_special_file

# A struct of the encoded file and its name.
_COLUMN = "image"
_FIELDS = ("bytes", "path")

# What pyarrow's own errors derive from, those of sizes that no memory holds included.
_FAILURES = (OSError, ValueError, NotImplementedError, MemoryError)


def members(archive: Path) -> list[str]:
    """The names of all images, in the table's order.

    Raises:
        TokenBenchError: pyarrow is not installed.
        ClipError: the file is damaged, is no table of images, or two images have the same name.
    """
    return list(_places(archive, *_stamp(archive)))


def read_member(archive: Path, name: str) -> bytes:
    """The encoded file of an image, such as JPEG.

    The row group that it lies in is read, and kept until another one is wanted.

    Raises:
        TokenBenchError: pyarrow is not installed.
        ClipError: as `members`, or there is no such image.
    """
    places = _places(archive, *_stamp(archive))
    if name not in places:
        raise ClipError(f"{archive}: holds no image {name!r}; list the data set again")
    group, row = places[name]
    contents = _row_group(archive, group, *_stamp(archive))
    content = contents[row] if row < len(contents) else b""
    if not content:
        raise ClipError(f"{archive}: {name!r} holds no bytes; download the file again")
    return content


@lru_cache(maxsize=64)
def _places(archive: Path, size: int, modified: int) -> dict[str, tuple[int, int]]:
    """Name -> row group, and row in it."""
    parquet = _pyarrow_parquet()
    places: dict[str, tuple[int, int]] = {}
    try:
        with parquet.ParquetFile(archive) as table:
            if not {f"{_COLUMN}.{field}" for field in _FIELDS} <= set(_leaves(table)):
                raise ClipError(f"{archive}: has no column image with bytes and path; give a table of images")
            for group in range(table.num_row_groups):
                _refuse_large(archive, table.metadata.row_group(group))
                names = table.read_row_group(group, columns=[f"{_COLUMN}.path"]).column(0).combine_chunks()
                for row, name in enumerate(names.field("path").to_pylist()):
                    if not name or places.setdefault(str(name), (group, row)) != (group, row):
                        raise ClipError(f"{archive}: two images are called {name!r}, or none; give a table with names")
    except _FAILURES as error:
        raise _damaged(archive, error) from error
    return places


@lru_cache(maxsize=1)
def _row_group(archive: Path, group: int, size: int, modified: int) -> list[bytes]:
    try:
        with _pyarrow_parquet().ParquetFile(archive) as table:
            _refuse_large(archive, table.metadata.row_group(group))
            column = table.read_row_group(group, columns=[f"{_COLUMN}.bytes"]).column(0).combine_chunks()
            return [content or b"" for content in column.field("bytes").to_pylist()]
    except _FAILURES as error:
        raise _damaged(archive, error) from error


def _leaves(table: object) -> list[str]:
    """Dotted names of the columns that hold values."""
    schema = table.schema  # type: ignore[attr-defined]
    return [schema.column(index).path for index in range(len(schema))]


def _refuse_large(archive: Path, group: Any) -> None:
    """Refuse a row group that is unpacked to more than one should hold: it is read whole."""
    # Not the sizes of its columns: pyarrow ends the process where damaged bytes describe them.
    size = group.total_byte_size
    MEMBER_BYTES.refuse_more(archive, size, f"{size:,} bytes in a row group")


def _stamp(archive: Path) -> tuple[int, int]:
    refuse_special_file(archive)
    try:
        state = archive.stat()
    except OSError as error:
        raise ClipError(f"{archive}: {error.strerror}; check the path") from error
    return state.st_size, state.st_mtime_ns


def _damaged(archive: Path, error: Exception) -> ClipError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    shown = reason if reason.isprintable() else ascii(reason)
    return ClipError(f"{archive}: not a readable parquet file ({shown}); download it again")


def _pyarrow_parquet() -> ModuleType:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise TokenBenchError("parquet files need pyarrow: type 'pip install tokenbench[parquet]'") from error
    return pyarrow.parquet
