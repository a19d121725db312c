"""What cutting a clip into independent windows costs: the error next to the cuts against that of all other frames."""

from __future__ import annotations

from collections.abc import Sequence

from tokenbench.metrics.pixel import psnr_from_error


def seam(squared_errors: Sequence[int], window: int, values_per_frame: int) -> float | None:
    """PSNR of the frames away from window borders less that of the frames at one, in dB; positive: borders are worse.

    The last frame of a window and the first frame of the next lie at a border; the clip's own ends do not.

    Args:
        squared_errors: the sum over each frame of the clip, as `PixelScores.update` gives them.
        window: frames of a window; the last one of the clip may be shorter.
        values_per_frame: height x width x channels.

    Returns:
        None where the clip has no border, or no frame away from one.
    """
    last = len(squared_errors) - 1
    sums = {True: 0, False: 0}
    frames = {True: 0, False: 0}
    for index, error in enumerate(squared_errors):
        opens, closes = index % window == 0 and index > 0, index % window == window - 1 and index < last
        sums[opens or closes] += error
        frames[opens or closes] += 1
    if not all(frames.values()):
        return None
    border, rest = (psnr_from_error(sums[at], frames[at] * values_per_frame) for at in (True, False))
    return rest - border
