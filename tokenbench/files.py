"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokenbench.errors import OutputError, TokenBenchError

# Leaves room for what is put behind it: file systems take 255 bytes.
_LONGEST_NAME = 120

# What the name of a temporary file ends with, before its suffix.
_PART = ".part"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    The temporary name keeps the suffix, from which media libraries tell the container.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=f"{_PART}{path.suffix}", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        # A disk that has failed may not let it go; the next run removes it.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` when the block ends without an error.

    Raises:
        OutputError: it cannot be written, or the disk is full; what was there stays.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as room:
            staged = Path(room, folder.name)
            staged.mkdir()
            yield staged
            _swap(staged, folder, Path(room, "replaced"))
    except OSError as error:
        raise cannot_write(folder, error) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; missing parent folders are made.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def remove_unfinished(*folders: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote, in these folders and not below them.

    Only for who holds the folders alone: what others are writing would be lost.

    Raises:
        OutputError: a folder cannot be written.
    """
    for folder in folders:
        try:
            for path in folder.glob(f".*-*{_PART}*"):
                path.unlink()
        except OSError as error:
            raise cannot_write(folder, error) from error


def safe_name(text: str) -> str:
    """The name of a file or folder that reads like `text`, whatever that holds: slashes, colons, control characters."""
    return re.sub(r"[^A-Za-z0-9._+@-]+", "-", text).strip("-.")[:_LONGEST_NAME] or "unnamed"


@contextmanager
def locked(lock: Path, busy: str, *, stays: bool = True, patience: float = 0.0) -> Iterator[None]:
    """A folder that nobody else writes to, told by a lock file in it; the folder is made where it is missing.

    Args:
        lock: the file.
        busy: what is wrong when another process holds it, and what to do.
        stays: whether the file stays there afterwards, unlocked.
        patience: seconds in which another process may let go of it.

    Raises:
        TokenBenchError: another process holds it.
        OutputError: the folder cannot be written.
    """
    # Only commands that write need it.
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=patience)
    except Timeout as error:
        raise TokenBenchError(busy) from error
    except OSError as error:
        raise cannot_write(lock.parent, error) from error
    try:
        yield
    finally:
        if not stays:
            lock.unlink(missing_ok=True)
        held.release()


def nearest_folder(path: Path) -> Path:
    """The folder itself, or where it is not there yet, the nearest one above it that is."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        TokenBenchError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TokenBenchError(f"{path}: cannot be read: {error.strerror or error}; check the file") from error


def cannot_write(path: Path, error: Exception) -> OutputError:
    """The one line for a failed write."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return OutputError(f"cannot write {path}: {reason}; free some space or choose another folder")


def _swap(staged: Path, folder: Path, replaced: Path) -> None:
    """Put a folder in another's place, which comes back if that fails."""
    if folder.exists():
        folder.rename(replaced)
    try:
        staged.rename(folder)
    except BaseException:
        if replaced.exists():
            replaced.rename(folder)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
