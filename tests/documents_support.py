"""What documents tell their readers to write and to run: fenced blocks, the commands in them, and what those need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A comment that says so takes its command, or on a line of its own all that follow in the block, out of those that any
# machine can run.
_NEEDS = re.compile(r"#.*\bneeds\s+(\S.*)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        page: the document, below the root of the repository.
        line: of its fence, from 1.
        language: its info string.
        text: between the fences.
        before: the last line of text above it.
    """

    page: Path
    line: int
    language: str
    text: str
    before: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a block, with its continuation lines.

    Args:
        text: as it stands there, comment included.
        needs: what a machine must have to run it, as the document says; empty where any can.
    """

    text: str
    needs: str


def pages() -> list[Path]:
    """The README and every page of docs/ that people wrote."""
    return [Path("README.md"), *sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md"))]


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a document, of those languages."""
    return [block for block in _blocks(page) if block.language in languages]


def commands(block: Block) -> list[Command]:
    """The commands of a shell block, in order."""
    found: list[Command] = []
    of_all_that_follow = ""
    for text in _joined(block.text.splitlines()):
        if text.lstrip().startswith("#"):
            of_all_that_follow = _needs(text) or of_all_that_follow
        elif text.strip():
            found.append(Command(text, of_all_that_follow or _needs(text)))
    return found


def _blocks(page: Path) -> Iterator[Block]:
    before = ""
    lines = iter(enumerate((ROOT / page).read_text().splitlines(), 1))
    for number, line in lines:
        if line.startswith("```"):
            inside = []
            for _, text in lines:
                if text == "```":
                    break
                inside.append(text)
            yield Block(page, number, line.removeprefix("```"), "\n".join(inside) + "\n", before)
        elif line.strip():
            before = line


def _joined(lines: list[str]) -> Iterator[str]:
    """Lines, one a command: those that a backslash continues, and those of a here-document, belong together."""
    rest = iter(lines)
    for line in rest:
        text = line
        while text.endswith("\\"):
            text += "\n" + next(rest)
        if end := re.search(r"<<'(\w+)'", text):
            for inside in rest:
                text += "\n" + inside
                if inside == end[1]:
                    break
        yield text


def _needs(text: str) -> str:
    found = _NEEDS.search(text)
    return found[1].strip() if found else ""
