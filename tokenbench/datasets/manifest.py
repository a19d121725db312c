"""Manifests: TOML files that name the clips of a data set, with their digests, licences and credits."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections import Counter
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tokenbench.datasets.dataset import Dataset
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


def read_manifest(path: Path) -> Dataset:
    """The data set that a manifest describes, its files found and verified.

    Raises:
        TokenBenchError: the manifest is not valid, or a file is missing or differs from its digest.
    """
    try:
        content = path.read_bytes()
        table = tomllib.loads(content.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
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
    return Dataset(
        name=str(table.get("name", path.stem)),
        clips=tuple(_clip(path, entry) for entry in entries),
        manifest_sha256=hashlib.sha256(content).hexdigest(),
    )


def _entry(path: Path, number: int, values: Any) -> Entry:
    if not isinstance(values, dict):
        raise TokenBenchError(f"{path}: clip {number} is {values!r}, expected a [[clips]] table")
    known = {field.name for field in fields(Entry)}
    if unknown := sorted(values.keys() - known):
        raise TokenBenchError(f"{path}: clip {number} has unknown keys {unknown}, expected {sorted(known)}")
    try:
        entry = Entry(**values)
    except TypeError as error:
        raise TokenBenchError(f"{path}: clip {number}: {str(error).partition(') ')[2]}") from error
    for name, kind in get_type_hints(Entry).items():
        if expected := _misfit(getattr(entry, name), kind):
            raise TokenBenchError(f"{path}: clip {number}: {name} is {getattr(entry, name)!r}, expected {expected}")
    return entry


def _misfit(value: Any, kind: Any) -> str:
    """What was expected of a value that is not of its field's kind; nothing where it is."""
    if choices := get_args(kind):
        return "" if value in choices else " or ".join(map(repr, choices))
    if kind is str:
        return "" if isinstance(value, str) else "a string"
    if kind is int:
        return "" if type(value) is int and value > 0 else "a whole number above 0"
    return "" if type(value) in (int, float) and 0 <= value < math.inf else "a number of 0 or more"


def _clip(manifest: Path, entry: Entry) -> Clip:
    path = _package_file(entry) if entry.package else manifest.parent / entry.file
    if not path.is_file():
        source = f"reinstall the package {entry.package!r}" if entry.package else "put the file there"
        raise TokenBenchError(f"clip {entry.id!r}: {path} is missing; {source}")
    digest = _sha256(entry, path)
    if digest != entry.sha256:
        raise TokenBenchError(
            f"clip {entry.id!r}: {path} has sha256 {digest[:16]}..., expected {entry.sha256[:16]}...; "
            f"install the version that {manifest.name} was made from"
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
    )


def _sha256(entry: Entry, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TokenBenchError(f"clip {entry.id!r}: {path}: {error.strerror}; make the file readable") from error


def _package_file(entry: Entry) -> Path:
    """Located through the package's metadata: the package itself is never imported."""
    try:
        return Path(str(distribution(entry.package).locate_file(entry.file)))
    except PackageNotFoundError as error:
        raise TokenBenchError(
            f"clip {entry.id!r} comes with the package {entry.package!r}, which is not installed; "
            f"type 'pip install {entry.package}'"
        ) from error
