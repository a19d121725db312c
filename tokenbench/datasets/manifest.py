"""Manifests: TOML files that name the clips of a data set, with their digests, licences and credits."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any

from tokenbench.datasets.dataset import Dataset
from tokenbench.datasets.table import read_table
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip, MediaKind

SCHEMA = "tokenbench.manifest/1"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One clip of a manifest.

    Args:
        file: path inside the installed package, or relative to the manifest where no package is named.
        package: the Python package (by its distribution name) that carries the file.
        source: the video or take that it was cut from; clips of one source are not independent of each other.
        license, credit: of the clip, as its publisher states them.
        origin: of a built clip: its source file and what was done to it.
    """

    id: str
    domain: str
    kind: MediaKind
    file: str
    sha256: str
    bytes: int
    height: int
    width: int
    frames: int = 1
    fps: float = 0.0
    package: str = ""
    source: str = ""
    license: str
    credit: str
    origin: dict[str, Any] = field(default_factory=dict)


def read_manifest(path: Path) -> Dataset:
    """The data set that a manifest describes, its files found; their digests are checked when they are opened.

    Raises:
        TokenBenchError: the manifest is not valid, or a file is missing or of another size.
    """
    content, table, entries = _read(path)
    return Dataset(
        name=str(table.get("name", path.stem)),
        clips=tuple(_clip(path, entry) for entry in entries),
        manifest_sha256=hashlib.sha256(content).hexdigest(),
    )


def read_entries(path: Path) -> tuple[dict[str, Any], list[Entry]]:
    """A manifest as it stands, whether its files are there or not: the whole table, and its clips.

    Raises:
        TokenBenchError: the manifest is not valid.
    """
    return _read(path)[1:]


def _read(path: Path) -> tuple[bytes, dict[str, Any], list[Entry]]:
    try:
        content = path.read_bytes()
        table = tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        raise TokenBenchError(f"{path}: not a readable manifest: {error}") from error
    if table.get("schema") != SCHEMA:
        raise TokenBenchError(f"{path}: schema is {table.get('schema')!r}, expected {SCHEMA!r}")
    tables = table.get("clips")
    if not tables or not isinstance(tables, list):
        raise TokenBenchError(f"{path}: names no clips; add [[clips]] tables")
    entries = [_entry(path, number, values) for number, values in enumerate(tables, start=1)]
    id_, count = Counter(entry.id for entry in entries).most_common(1)[0]
    if count > 1:
        raise TokenBenchError(f"{path}: two clips have the same id {id_!r}; rename one")
    return content, table, entries


def _entry(path: Path, number: int, values: Any) -> Entry:
    entry = read_table(Entry, values, f"{path}: clip {number}")
    for name in ("frames", "height", "width"):
        if getattr(entry, name) < 1:
            raise TokenBenchError(f"{path}: clip {number}: {name} is 0, expected a whole number above 0")
    inside = PurePosixPath(entry.file)
    if inside.is_absolute() or ".." in inside.parts or "\0" in entry.file:
        raise TokenBenchError(f"{path}: clip {number}: file is {entry.file!r}, expected a path below the manifest")
    return entry


def _clip(manifest: Path, entry: Entry) -> Clip:
    path = _package_file(entry) if entry.package else manifest.parent / entry.file
    if not entry.package and not path.resolve().is_relative_to(manifest.parent.resolve()):
        raise TokenBenchError(f"clip {entry.id!r}: {path} is a link out of the manifest's folder; put the file there")
    if not path.is_file():
        source = f"reinstall the package {entry.package!r}" if entry.package else "put the file there"
        raise TokenBenchError(f"clip {entry.id!r}: {path} is missing; {source}")
    if (size := path.stat().st_size) != entry.bytes:
        raise TokenBenchError(
            f"clip {entry.id!r}: {path} has {size} bytes, expected {entry.bytes}; "
            + (f"install the version that {manifest.name} was made from" if entry.package else "build it again")
        )
    return Clip(
        id=entry.id,
        domain=entry.domain,
        path=path,
        kind=entry.kind,
        frames=entry.frames,
        fps=entry.fps,
        height=entry.height,
        width=entry.width,
        source=entry.source,
        sha256=entry.sha256,
    )


def _package_file(entry: Entry) -> Path:
    """Located through the package's metadata: the package itself is never imported."""
    try:
        return Path(str(distribution(entry.package).locate_file(entry.file)))
    except PackageNotFoundError as error:
        raise TokenBenchError(
            f"clip {entry.id!r} comes with the package {entry.package!r}, which is not installed; "
            f"type 'pip install {entry.package}'"
        ) from error
