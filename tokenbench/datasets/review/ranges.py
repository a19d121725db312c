"""Parts of a file, as a browser asks for them when it plays a video (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class UnsatisfiableError(Exception):
    """The range lies outside of the file."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The part that a `Range` header asks for.

    Args:
        header: its value; None where the request has none.
        size: of the file, in bytes.

    Returns:
        The first byte and the one behind the last; None for the whole file, also where the header asks for several
        parts or cannot be read, which a server may ignore.

    Raises:
        UnsatisfiableError: there is no such part.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise UnsatisfiableError
    return start, stop
