"""What is done to each video of a benchmark, and the sizes and frame counts that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.limits import PIXELS
from tokenbench.media.stored import stored_as

# Time stamps are rounded to milliseconds in lists and containers: a frame this close before the end is behind it.
HALF_A_MILLISECOND = 0.0005


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """The part of a build protocol that decides a video's pixels.

    The defaults are the paper's words: the first ten seconds, nothing else changed.

    Args:
        seconds: kept of each video, from its start; 0 keeps all.
        cut_by: "time" keeps the frames whose time stamps are below `seconds`, "frames" the first ceil(seconds x fps).
        at_least_frames: with "frames", keep as many where the video has them, even if they last longer.
        fill_up: repeat and drop frames to a constant rate, as the ffmpeg command does
            (`tokenbench.media.constant_rate`).
        rounded_rate: count and store with the average rate of two decimals that ffmpeg prints (29.97), even where
            frames were filled up to another one; else with the source's own, or the one that it was filled up to.
        short_side: pixels that the short side is reduced to; 0 keeps the size.
        enlarge: videos with a shorter one, too.
        even: make both sides even: of a resized video the long side is the nearest even number, of another one the
            last odd row and column are cropped.
        colour: "rgb" resizes 8-bit RGB frames with Pillow's Lanczos filter, as the benchmark's authors do; "source"
            stays in the video's own pixel format, reduced to 8 bits, and resizes with swscale's.
        storage: of the prepared video, a name that `tokenbench.media.stored` knows.

    Raises:
        TokenBenchError: two choices contradict each other, or there is no such storage.
    """

    seconds: float = 10.0
    cut_by: Literal["time", "frames"] = "time"
    at_least_frames: int = 0
    fill_up: bool = False
    rounded_rate: bool = False
    short_side: int = 0
    enlarge: bool = False
    even: bool = True
    colour: Literal["rgb", "source"] = "source"
    storage: str = "lossless"

    def __post_init__(self) -> None:
        stored_as(self.storage)
        if self.at_least_frames and self.cut_by != "frames":
            raise TokenBenchError("at_least_frames needs cut_by = 'frames'; set it to 0, or cut by frames")
        if self.enlarge and not self.short_side:
            raise TokenBenchError("enlarge needs a short_side to enlarge to; set it, or enlarge = false")
        if self.even and self.short_side % 2:
            raise TokenBenchError(f"a short_side of {self.short_side} is not even; change it, or set even = false")


def is_resized(preparation: Preparation, height: int, width: int) -> bool:
    """Whether a video of that size, as displayed, gets another one by a filter; cropping an odd row is none."""
    short, target = min(height, width), preparation.short_side
    return bool(target) and (short > target or (preparation.enlarge and short < target))


def prepared_size(preparation: Preparation, height: int, width: int) -> tuple[int, int]:
    """Height and width of the prepared video.

    The long side is the script's `int(long * target / short + 0.5)`, or the even number nearest to the ratio; of two,
    the larger.

    Args:
        preparation: with `short_side`, `enlarge` and `even`.
        height: of the source as displayed.
        width: the same.

    Raises:
        ClipError: nothing is left of a side of one pixel that must be even, or the result is of absurd size.
    """
    step = 2 if preparation.even else 1
    if is_resized(preparation, height, width):
        short, long, target = min(height, width), max(height, width), preparation.short_side
        long = (2 * long * target + step * short) // (2 * step * short) * step
        if target * long > PIXELS.value:
            raise ClipError(f"{width} x {height} pixels would become {target} x {long}; leave the file out")
        return (target, long) if height <= width else (long, target)
    if min(height, width) < step:
        raise ClipError(f"{width} x {height} pixels cannot be cropped to an even size; leave the file out")
    return height - height % step, width - width % step


def reported_rate(fps: float) -> float:
    """A rate as the ffmpeg command prints it, with two decimals: 23.98 for 24000/1001."""
    return float(f"{fps:.2f}")


def prepared_rate(preparation: Preparation, average: Fraction, base: Fraction) -> Fraction:
    """Frames a second of the prepared video.

    Args:
        preparation: with `rounded_rate` and `fill_up`.
        average: rate of the source.
        base: the rate that it is filled up to.
    """
    if preparation.rounded_rate:
        return Fraction(str(reported_rate(float(average))))
    return base if preparation.fill_up else average


def frame_cap(preparation: Preparation, fps: float) -> int:
    """How many frames of a video are kept if it is long enough; 0 keeps all.

    Exact with `cut_by` "frames". By "time" it holds for a constant rate; a variable one may have more or fewer.

    Args:
        preparation: with `seconds`, `cut_by` and `at_least_frames`.
        fps: average rate of the source; with `fill_up` and by "time", the rate that it is filled up to.
    """
    if not preparation.seconds:
        return 0
    if preparation.cut_by == "time":
        return max(1, math.ceil((preparation.seconds - HALF_A_MILLISECOND) * fps))
    counted = reported_rate(fps) if preparation.rounded_rate else fps
    return max(math.ceil(preparation.seconds * counted), preparation.at_least_frames, 1)
