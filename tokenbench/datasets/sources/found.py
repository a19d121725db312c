"""What is found of a data set, and how a folder that holds something else is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a folder holds of a data set.

    Args:
        name: of the data set, and of the variant that was found.
        clips: in an order that does not depend on the layout.
        expected: number of clips of the whole set; 0 where there is no such number.
        flaws: of some clips by their id, what their publisher says against them ("labelled 1_still_foreground_image"),
            so that a draw can pass them over.
        skipped: what lies there and is no clip, a line each ("traj7: images0 is empty").
    """

    name: str
    clips: tuple[Clip, ...]
    expected: int
    flaws: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """Clips of the whole set that are not there."""
        return max(0, self.expected - len(self.clips))


def first_folder(root: Path, names: Iterable[str]) -> Path | None:
    """The first of some sub-folders that is there; "." is the folder itself."""
    return next((root / name for name in names if (root / name).is_dir()), None)


def refuse_missing(root: Path) -> None:
    """Refuse a folder that is none.

    Raises:
        TokenBenchError: it is missing, or a file.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "no such folder"
        raise TokenBenchError(f"{root}: {what}; give the folder that the data set was unpacked into")
