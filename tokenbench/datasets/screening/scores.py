"""What screening finds out about a clip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of one clip; all but the size and the rate are measured on its luma.

    Args:
        motion: mean over frame pairs of the median optical flow, in diagonals of the picture per second, >= 0.
        motion_peak: the same of the 90th percentile: what the liveliest tenth of the picture does.
        static_share: median share of the picture that does not change within half a second, in [0, 1].
        blur: median over frames of the blur effect, in [0, 1]; 0 is sharp.
        blockiness: by how much differences of neighbouring pixels are larger on an 8 x 8 grid than off it, >= 0.
        darkness: how far the brightest 5% of the picture are from white, in [0, 1]; 1 is black.
        border_rows, border_columns: shares of the rows and columns that are burnt-in bars, in [0, 1].
        cut_times: in seconds from the clip's start, of the first frame of every shot but the first.
        height, width: in pixels, as displayed.
        fps: as the file states it.
    """

    motion: float
    motion_peak: float
    static_share: float
    blur: float
    blockiness: float
    darkness: float
    border_rows: float
    border_columns: float
    cut_times: tuple[float, ...]
    height: int
    width: int
    fps: float

    @property
    def cuts(self) -> int:
        """How often the shot changes inside the clip."""
        return len(self.cut_times)

    @property
    def short_side(self) -> int:
        """The smaller one of height and width."""
        return min(self.height, self.width)
