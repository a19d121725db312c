"""`throughput.json`: every row that was measured, on whatever machine; it is written after each of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.files import write_text

SCHEMA = "tokenbench.throughput/1"
FILE = "throughput.json"

Record = Mapping[str, Any]


def read_records(out: Path) -> list[Record]:
    """The rows of a folder, none where there is no file.

    Raises:
        TokenBenchError: the file cannot be read, or holds something else.
    """
    path = out / FILE
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise TokenBenchError(f"{path}: schema is {content['schema']!r}, expected {SCHEMA!r}; choose another --out")
        return list(content["rows"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise TokenBenchError(f"{path}: cannot be read ({reason}); delete it or choose another --out") from error


def write_records(out: Path, records: Sequence[Record]) -> None:
    """Write all rows, whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_text(out / FILE, json.dumps({"schema": SCHEMA, "rows": list(records)}, indent=2, allow_nan=False) + "\n")


def same_row(one: Record, other: Record) -> bool:
    """Whether two records are of the same case on the same machine."""
    return one["case"] == other["case"] and one["machine"] == other["machine"]
