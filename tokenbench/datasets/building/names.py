"""File names for clips whose ids come from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import quote

from tokenbench.errors import TokenBenchError

# File systems allow 255 bytes; some room for a suffix and for the name of a temporary file.
_LONGEST = 200


def file_stem(clip_id: str) -> str:
    """A clip's id as the name of a file without its suffix.

    Slashes become "__", and everything that is neither a letter of ASCII, a digit, nor one of "-_.~ @+,=" its percent
    code in UTF-8. A name that would be hidden or too long for a file system ends in a digest of the id.
    """
    stem = quote(clip_id.replace("/", "__"), safe="-_.~ @+,=")
    if stem.startswith((".", "-")) or stem != stem.strip() or len(stem) > _LONGEST:
        digest = hashlib.sha256(clip_id.encode()).hexdigest()[:16]
        stem = f"{stem.strip('.- ')[: _LONGEST - 17]}~{digest}"
    return stem


def refuse_equal_stems(clip_ids: Iterable[str]) -> None:
    """Clips that would be written to the same file, also where a file system takes "A" for "a".

    Raises:
        TokenBenchError: names two of them.
    """
    taken: dict[str, str] = {}
    for clip_id in clip_ids:
        other = taken.setdefault(file_stem(clip_id).casefold(), clip_id)
        if other != clip_id:
            raise TokenBenchError(f"the clips {other!r} and {clip_id!r} would have the same file name; rename one")
