"""Screen a clip: one pass over its frames, every measure fed on the way."""

from __future__ import annotations

from tokenbench.datasets.screening.blockiness import Blockiness
from tokenbench.datasets.screening.blur import Blur
from tokenbench.datasets.screening.borders import Borders
from tokenbench.datasets.screening.darkness import Darkness
from tokenbench.datasets.screening.luma import TOLERANCE, luma_frames
from tokenbench.datasets.screening.motion import Motion, Stillness
from tokenbench.datasets.screening.scores import Scores
from tokenbench.datasets.screening.shots import Shots
from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip

SECONDS = 10.0
LOOK_EVERY = 0.5
SMALLEST_SIDE = 16


def screen(clip: Clip, *, seconds: float = SECONDS) -> Scores:
    """The scores of a clip's first seconds.

    Every frame is decoded and looked at for cuts, two a second for the rest. Only a few frames are in memory at once.

    Args:
        clip: a video.
        seconds: how much of it is looked at.

    Raises:
        ClipError: a photograph, a clip of less than 16 pixels in height or width, or one that cannot be read.
    """
    if clip.kind == "image":
        raise ClipError(f"{clip.content}: a photograph has no motion; screen videos")
    clip = clip.probed()
    if min(clip.height, clip.width) < SMALLEST_SIDE:
        raise ClipError(
            f"{clip.content}: {clip.width} x {clip.height} pixels are too small to screen; give {SMALLEST_SIDE} or more"
        )
    shots, motion, stillness = Shots(), Motion(), Stillness()
    blur, blockiness, darkness, borders = Blur(), Blockiness(), Darkness(), Borders()
    next_look = 0.0
    for frame in luma_frames(clip, seconds):
        shots.update(frame)
        motion.update(frame)
        if frame.time >= next_look - TOLERANCE:
            next_look = frame.time + LOOK_EVERY
            stillness.update(frame)
            for measure in (blur, blockiness, darkness, borders):
                measure.update(frame.luma)
    cut_times = shots.cut_times()
    median, peak = motion.values(cut_times)
    rows, columns = borders.values()
    return Scores(
        motion=median,
        motion_peak=peak,
        static_share=stillness.value(cut_times),
        blur=blur.value(),
        blockiness=blockiness.value(),
        darkness=darkness.value(),
        border_rows=rows,
        border_columns=columns,
        cut_times=cut_times,
        height=clip.height,
        width=clip.width,
        fps=clip.fps,
    )
