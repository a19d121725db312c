"""Which frames of a clip are shown: a few stills over its whole length, and a short loop where it is worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Moments:
    """Frames by their number, from 0.

    Args:
        stills: rising.
        loop: consecutive; empty where nothing moves.
        worst: the still of lowest PSNR; None where no frame has one.
    """

    stills: tuple[int, ...]
    loop: range
    worst: int | None = None

    @property
    def end(self) -> int:
        """One more than the last frame that is needed."""
        return max(self.stills[-1] + 1, self.loop.stop)


def choose_moments(frames: int, psnr: Sequence[Sequence[float]], stills: int, loop: int) -> Moments:
    """Stills at equal distances, with the first and last frame, and the worst one, which the loop has in its middle.

    Args:
        frames: of the clip, at least 1.
        psnr: of each frame, one series a run; the worst frame is where any of them is lowest. Series that are too
            short or empty count as far as they go.
        stills: how many there are, at least 1, apart from the worst.
        loop: its length in frames; 0 or 1 makes none.
    """
    count = min(stills, frames)
    spread = {round(step * (frames - 1) / max(1, count - 1)) for step in range(count)} if count > 1 else {frames // 2}
    lowest = [min(enumerate(series[:frames]), key=lambda pair: pair[1]) for series in psnr if series]
    worst = min(lowest, key=lambda pair: pair[1])[0] if lowest and frames > 1 else None
    middle = frames // 2 if worst is None else worst
    length = min(loop, frames)
    start = min(max(0, middle - length // 2), frames - length)
    return Moments(
        stills=tuple(sorted(spread if worst is None else spread | {worst})),
        loop=range(start, start + length) if length > 1 else range(0),
        worst=worst,
    )
