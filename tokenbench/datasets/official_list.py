"""The list of the benchmark's clips, as its authors publish it: a text file with a section for each data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tokenbench.errors import Problems, TokenBenchError

# Titles of the sections, in the list's order; the entries of the last one are rows of a table, with a header.
PATH_SECTIONS = ("BDD100K", "EgoExo-4D", "BridgeData V2")
TABLE_SECTION = "Panda70M"
_HEADER = "videoID,url,timestamp,"

# The published one has 48 kB.
_MOST_BYTES = 16 * 2**20
_MOST_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class OfficialList:
    """The list.

    Args:
        file: its name, without folders.
        sha256: of the file.
        sections: entries by section, in the list's order; the table's are rows of CSV.
    """

    file: str
    sha256: str
    sections: Mapping[str, tuple[str, ...]]


def read_official_list(path: Path) -> OfficialList:
    """The entries of a list; lines that begin with "# " are comments, and "### " begins a section.

    Raises:
        TokenBenchError: the file cannot be read, is no such list, or has entries that no data set could hold; each is
            named by its line.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TokenBenchError(
                f"{path}: is too large for a list of clips; give the one from the authors' repository"
            )
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise TokenBenchError(f"{path}: {error.strerror}; give the list from the authors' repository") from error
    except UnicodeDecodeError as error:
        raise TokenBenchError(f"{path}: is no text file; give the list from the authors' repository") from error
    sections, problems = _parse(path, text)
    if missing := [title for title in (*PATH_SECTIONS, TABLE_SECTION) if title not in sections]:
        raise TokenBenchError(
            f"{path}: has no section '### {missing[0]}'; give the list from the authors' repository (NVIDIA/TokenBench)"
        )
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise Problems(problems[:_MOST_PROBLEMS] + ([f"{path}: and {more} more lines like these"] if more > 0 else []))
    return OfficialList(file=path.name, sha256=hashlib.sha256(content).hexdigest(), sections=sections)


def _parse(path: Path, text: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    lines: dict[str, dict[str, int]] = {}
    problems: list[str] = []
    title = ""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if line.startswith("### "):
            title = line.removeprefix("### ").strip()
            lines.setdefault(title, {})
        elif line.strip() and not line.startswith("#"):
            wrong = _what_is_wrong(title, line)
            if not wrong and line in lines[title]:
                wrong = f"is the same as line {lines[title][line]}"
            if wrong:
                problems.append(f"{path}: line {number} {wrong}: {line[:80]!r}")
            else:
                lines[title][line] = number
    header = next(iter(lines.get(TABLE_SECTION, {})), _HEADER)
    if not header.startswith(_HEADER):
        number = lines[TABLE_SECTION][header]
        problems.append(f"{path}: line {number} is no header of the table, videoID,url,...: {header[:80]!r}")
    return {title: tuple(found)[title == TABLE_SECTION :] for title, found in lines.items()}, problems


def _what_is_wrong(title: str, line: str) -> str:
    """Why a line is no entry of its section; nothing where it is one."""
    if not title:
        return "stands before the first section"
    if not line.isprintable():
        return "has characters that do not print"
    if title in PATH_SECTIONS:
        place = PurePosixPath(line)
        if place.is_absolute() or ".." in place.parts or "\\" in line or place.as_posix() != line:
            return "is no path inside a data set"
    return ""
