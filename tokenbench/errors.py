"""The one exception for mistakes that a user can mend."""

from __future__ import annotations

import re
from collections.abc import Sequence


class TokenBenchError(Exception):
    """Bad usage or missing input: says what is wrong, where, and what to do, in one line.

    Raised where it is known what to do about it; the command line prints it without a traceback and exits with 2.
    """


class Problems(TokenBenchError):
    """Several things that must be mended before work can start, a line each.

    Args:
        lines: one a problem.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


class ClipError(TokenBenchError):
    """One clip cannot be scored (damaged file, wrong size, a tokenizer that fails on it); the others go on."""


class NotApplicable(ClipError):
    """A metric has no value for one clip (too small, too short); its other metrics do."""


class OutputError(TokenBenchError):
    """A result cannot be written (disk full, folder read-only): the run ends, what is done is kept."""


# What to do about a clip, or whatever is at work, that is too large for this machine.
OUT_OF_MEMORY = "not enough memory; give less at a time (fewer --workers, fewer --frames), or use a larger machine"


# How torch says it, whose errors are RuntimeErrors: CUDA, the CPU's allocator, cuBLAS and cuDNN.
_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|_ALLOC_FAILED|bad_alloc", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that memory was not enough."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def printable(text: object) -> str:
    """A name or message from outside on one line of a terminal, whatever characters it has."""
    line = " ".join(str(text).split())
    return line if line.isprintable() else line.encode("unicode_escape").decode()
