"""Progress inside a clip, for the bar over clips."""

from __future__ import annotations

import time
from collections.abc import Callable, Sized


class FrameCounter:
    """Says how many frames of the clip at hand are done, twice a second at the most.

    Args:
        clip: its name.
        frames: that it has; 0 where that is not known.
        say: shows a text.
    """

    def __init__(self, clip: str, frames: int, say: Callable[[str], None]) -> None:
        self._clip = clip
        self._all = frames or "?"
        self._say = say
        self._frames = 0
        self._next = time.monotonic()

    def update(self, frames: Sized, *_: object) -> None:
        """Count the next frames."""
        self._frames += len(frames)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            self._say(f"{self._clip} {self._frames}/{self._all} frames")
