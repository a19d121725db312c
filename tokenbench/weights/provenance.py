"""What an imported folder of weights says of itself: `provenance.json`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import write_text

PROVENANCE = "provenance.json"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where imported files came from.

    Args:
        source: files or folder as the user named them, or "hf:owner/name".
        revision: whole commit id, for files of the hub.
        files: name -> SHA-256.
    """

    source: str
    revision: str | None
    files: dict[str, str]


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Write `provenance.json` into a folder.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(folder / PROVENANCE, json.dumps(dataclasses.asdict(provenance), indent=2) + "\n")


def read_provenance(folder: Path) -> Provenance | None:
    """What `provenance.json` of a folder says; None where there is none.

    Raises:
        TokenBenchError: the file is damaged.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text())
        source, revision, files = said["source"], said["revision"], said["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokenBenchError(f"{path} is damaged; import the weights again, or delete it") from error
    if not isinstance(source, str) or not isinstance(revision, str | None) or not isinstance(files, dict):
        raise TokenBenchError(f"{path} is damaged; import the weights again, or delete it")
    return Provenance(source=source, revision=revision, files=files)
