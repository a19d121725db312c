"""What is known of every clip that was built or screened, a small file each, so that a build can go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tokenbench.files import write_text
from tokenbench.media.stamp import Stamp
from tokenbench.sealed import seal, unseal

NOTHING = Stamp(0, 0)


@dataclass(frozen=True, kw_only=True)
class Record:
    """Of one clip.

    Args:
        key: digest of everything but the source's bytes that decides the result.
        source: stamp of the source file.
        source_sha256: its digest.
        file: of the result, its name in the set's folder; empty where screening refused the clip.
        output: stamp of the result.
        sha256: its digest.
        prepared: what the manifest says of it (`tokenbench.datasets.building.task`).
        scores: of screening; empty without.
        reasons: why screening refused it.
    """

    key: str
    source: Stamp
    source_sha256: str
    file: str = ""
    output: Stamp = NOTHING
    sha256: str = ""
    prepared: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def read_record(path: Path) -> Record | None:
    """A record; None where there is none, or it is damaged or of another version: its clip is then built again."""
    try:
        values = unseal(path.read_text(encoding="utf-8"))
        stamps = {name: Stamp(**values[name]) for name in ("source", "output")}
        return Record(**{**values, **stamps, "reasons": tuple(values["reasons"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Keep a record, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(path, seal(asdict(record), indent=1) + "\n")
