"""What an examination says, a line each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tokenbench

SCHEMA = "tokenbench.doctor/1"

State = Literal["ok", "missing", "note"]


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Args:
        state: "note" for what is neither there nor lacking, but good to know.
        what: was looked at.
        found: of it, such as a version or a size.
        remedy: what to do where it is missing.
        needed: whether nothing can run without it, or what is planned cannot.
    """

    state: State
    what: str
    found: str = ""
    remedy: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Section:
    """Lines about one subject."""

    title: str
    lines: tuple[Line, ...]


def lacking(sections: Iterable[Section]) -> list[Line]:
    """What is missing and needed."""
    return [line for section in sections for line in section.lines if line.needed and line.state == "missing"]


def report(sections: Sequence[Section]) -> dict[str, Any]:
    """All lines as plain data for JSON."""
    return {
        "schema": SCHEMA,
        "tokenbench": tokenbench.__version__,
        "ready": not lacking(sections),
        "sections": [dataclasses.asdict(section) for section in sections],
    }


def gigabytes(size: float) -> str:
    """A size in bytes, to read."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
