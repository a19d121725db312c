"""Photographs of a data set in parquet tables, as the Hugging Face hub mirrors it."""

from __future__ import annotations

import re
from pathlib import Path

from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

# Of other splits, whose tables lie in the same folder and need not be opened.
_OTHERS = ("train", "test")


def table_clips(root: Path, name: re.Pattern[str], domain: str) -> tuple[Clip, ...]:
    """The photographs in the tables below a folder whose names fit, by their number.

    Args:
        root: of the data set.
        name: of a photograph; its first group is the clip's id.
        domain: of the clips.

    Raises:
        TokenBenchError: a table cannot be read, or two photographs have one number.
    """
    found: dict[str, Clip] = {}
    tables = [parent / file for parent, _, files in walk(root) for file in files if file.endswith(".parquet")]
    for table in tables:
        if table.name.startswith(_OTHERS):
            continue
        from tokenbench.media.parquet import members

        for member in members(table):
            if match := name.fullmatch(Path(member).name):
                clip = Clip(id=match[1], domain=domain, path=table, member=member, kind="image")
                other = found.setdefault(clip.id, clip)
                if other is not clip:
                    raise TokenBenchError(
                        f"{other.content} and {clip.content} have the same number; remove one of the tables"
                    )
    return tuple(found[id_] for id_ in sorted(found))
