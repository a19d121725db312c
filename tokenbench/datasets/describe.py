"""What can be said of a clip before anything is done with it."""

from __future__ import annotations

from dataclasses import dataclass

from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.video import probe_video


@dataclass(frozen=True, kw_only=True)
class Description:
    """Of one clip; None where it was not asked for, or the file does not say.

    Args:
        id, domain, source: of the clip.
        frames: that it has.
        fps: its rate.
        height, width: as displayed.
        rotation: clockwise degrees by which its frames are turned to be displayed.
        error: why it cannot be read; empty where it can.
    """

    id: str
    domain: str
    source: str
    frames: int | None = None
    fps: float | None = None
    height: int | None = None
    width: int | None = None
    rotation: int | None = None
    error: str = ""

    def row(self) -> list[str]:
        """As cells: id, domain, source, and frames, rate, size and rotation where they are known."""
        cells = [self.id, self.domain, self.source or "-"]
        if self.height is not None:
            cells += [str(self.frames or "?"), f"{self.fps:.4g}", f"{self.width}x{self.height}", str(self.rotation)]
        return cells


def describe(clip: Clip, *, probe: bool) -> Description:
    """A clip's description.

    Args:
        clip: of a data set.
        probe: open it; otherwise only what its data set says is known.
    """
    named = Description(id=clip.id, domain=clip.domain, source=clip.source)
    if not probe:
        return named
    try:
        opened = clip.probed()
        is_file = clip.kind == "video" and not clip.path.is_dir()
        rotation = probe_video(clip.content, start=clip.start, end=clip.end).rotation if is_file else 0
    except TokenBenchError as error:
        return Description(id=clip.id, domain=clip.domain, source=clip.source, error=str(error))
    return Description(
        id=clip.id,
        domain=clip.domain,
        source=clip.source,
        frames=opened.frames or None,
        fps=opened.fps,
        height=opened.height,
        width=opened.width,
        rotation=rotation,
    )
