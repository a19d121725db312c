"""The largest picture that is read: a header that declares more is broken, or hostile."""

from __future__ import annotations

from pathlib import Path

from tokenbench.errors import ClipError
from tokenbench.media.member import Member

# 8192 x 8192: a frame of 200 MB as 8-bit RGB.
MOST_PIXELS = 2**26


def refuse_absurd_size(path: Path | Member, height: int, width: int) -> None:
    """Refuse a file by the size that its header declares, before memory is taken for it.

    Raises:
        ClipError: it has more than `MOST_PIXELS` pixels.
    """
    if height * width > MOST_PIXELS:
        raise ClipError(
            f"{path}: declares {width} x {height} pixels, more than {MOST_PIXELS:,}; replace the file, or scale it down"
        )
