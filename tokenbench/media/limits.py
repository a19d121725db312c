"""The most that a file of others may declare before it is read: a header with more is broken, or hostile.

Each limit has a variable of the environment that sets another one, for those who trust their files.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.member import Member


@dataclass(frozen=True)
class Limit:
    """A largest count.

    Args:
        variable: of the environment, that takes the default's place.
        default: where it is not set.
        unit: what is counted.
    """

    variable: str
    default: int
    unit: str

    @property
    def value(self) -> int:
        """The limit that holds.

        Raises:
            TokenBenchError: the variable is no whole number.
        """
        given = os.environ.get(self.variable) or str(self.default)
        if not (given.isascii() and given.isdigit() and len(given) <= len(str(2**63 - 1)) and int(given)):
            raise TokenBenchError(f"{self.variable} is {given[:30]!r}, expected a whole number of {self.unit}")
        return int(given)

    def refuse_more(self, path: Path | Member, count: int, what: str) -> None:
        """Refuse a file by what its header declares.

        Args:
            path: of the file.
            count: that it declares.
            what: that is, for the message.

        Raises:
            ClipError: it is more than the limit.
        """
        if count > self.value:
            raise ClipError(f"{path}: declares {what}, {self.advice}")

    @property
    def advice(self) -> str:
        """What a message ends with."""
        return f"more than {self.value:,} {self.unit}; replace the file, or set {self.variable} if you trust it"


# Of one picture: 8192 x 8192, 200 MB as 8-bit RGB.
PIXELS = Limit("TOKENBENCH_MAX_PIXELS", 2**26, "pixels")

# Of one video, or one stream of tokens: eleven hours at 25 a second.
FRAMES = Limit("TOKENBENCH_MAX_FRAMES", 10**6, "frames")

# Of one file in an archive, which is read whole, and of one array that is unpacked.
MEMBER_BYTES = Limit("TOKENBENCH_MAX_MEMBER_BYTES", 2**31, "bytes")


def refuse_absurd_size(path: Path | Member, height: int, width: int) -> None:
    """Refuse a file by the size that its header declares, before memory is taken for it.

    Raises:
        ClipError: it has more pixels than `PIXELS`.
    """
    PIXELS.refuse_more(path, height * width, f"{width} x {height} pixels")


def refuse_special_file(path: Path | Member) -> None:
    """Refuse what is no file with an end: opening a pipe waits for ever, a device may never end.

    Raises:
        ClipError: it is a pipe, a socket or a device; a file that is missing passes.
    """
    try:
        mode = (path if isinstance(path, Path) else path.archive).stat().st_mode
    except OSError:
        # What opens it says what is wrong.
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ClipError(f"{path}: is a pipe, a socket or a device; give a file")
