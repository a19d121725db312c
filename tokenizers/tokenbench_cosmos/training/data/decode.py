"""Random access to the frames of a clip: decoded once for its index, then any span of it from the nearest keyframe."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.colour import ColourConverter
from tokenbench.media.frames_folder import frame_files
from tokenbench.media.image import read_image
from tokenbench.media.member import Member
from tokenbench.media.orientation import display_matrix, swaps_sides
from tokenbench.media.video import OpenVideo, decoded, naming, open_video

# Frames to enter a file before the wanted ones: where keyframes are not marked well, a decoder begins behind them.
_LEADS = (0, 48)


@dataclass(frozen=True, kw_only=True)
class ClipIndex:
    """What decoding a whole clip shows.

    Args:
        frames: how many there are.
        height: of each, as displayed.
        width: the same.
        times: of the frames of a video file, in seconds from the start of the file; empty where it does not say.
    """

    frames: int
    height: int
    width: int
    times: tuple[float, ...] = ()


def index_clip(clip: Clip) -> ClipIndex:
    """Decode a clip from beginning to end.

    Raises:
        ClipError: it cannot be read to its end, or its frames change size.
    """
    if clip.kind == "image" or clip.path.is_dir():
        shapes = [chunk.shape for chunk in clip.chunks(1)]
        return ClipIndex(frames=len(shapes), height=shapes[0][1], width=shapes[0][2])
    with open_video(clip.content) as video:
        frames = decoded(video, clip.start, clip.end)
        first = next(frames)
        with naming(clip.content):
            turned = swaps_sides(display_matrix(first))
        times = [_time(video, first)]
        for frame in frames:
            if (frame.height, frame.width) != (first.height, first.width):
                raise ClipError(f"{clip.content}: the frame size changes; re-encode the file")
            times.append(_time(video, frame))
    height, width = (first.width, first.height) if turned else (first.height, first.width)
    known = not any(map(math.isnan, times))
    return ClipIndex(frames=len(times), height=height, width=width, times=tuple(times) if known else ())


def read_span(clip: Clip, index: ClipIndex, first: int, count: int) -> NDArray[np.uint8]:
    """Frames `first` to `first + count - 1` of a clip, bit for bit those that decoding all of it gives.

    Args:
        clip: to read.
        index: of `index_clip`.
        first: counted from 0.
        count: together with `first` no more than the clip has.

    Returns:
        uint8 `count` x H x W x 3.

    Raises:
        ClipError: the clip cannot be read, or is not what its index says.
    """
    if clip.kind == "image":
        frames = [read_image(clip.content)]
    elif clip.path.is_dir():
        frames = [read_image(path) for path in frame_files(clip.path)[first : first + count]]
    else:
        frames = _from_keyframe(clip, index, first, count) or _from_beginning(clip, first, count)
    if [frame.shape for frame in frames] != [(index.height, index.width, 3)] * count:
        raise ClipError(f"{clip.content}: has changed since it was indexed; start again")
    return np.stack(frames)


def _from_keyframe(clip: Clip, index: ClipIndex, first: int, count: int) -> list[NDArray[np.uint8]]:
    """The same frames, where their time stamps show that the file was entered at the right place; else none."""
    wanted = index.times[first : first + count]
    for lead in _LEADS if wanted else ():
        try:
            with open_video(clip.content, threads=1) as video:
                passing = islice(decoded(video, index.times[max(0, first - lead)]), lead + count)
                frames = [frame for frame in passing if wanted[0] <= _time(video, frame) <= wanted[-1]]
                whole = not any(frame.is_corrupt for frame in frames)
                if whole and tuple(_time(video, frame) for frame in frames) == wanted:
                    return _upright(clip.content, frames)
        except (ClipError, av.error.FFmpegError):
            # Not every file can be entered everywhere. What else is wrong shows when it is read from its beginning.
            continue
    return []


def _from_beginning(clip: Clip, first: int, count: int) -> list[NDArray[np.uint8]]:
    with open_video(clip.content, threads=1) as video:
        return _upright(clip.content, islice(decoded(video, clip.start, clip.end), first, first + count))


def _upright(path: Path | Member, frames: Iterable[VideoFrame]) -> list[NDArray[np.uint8]]:
    """Decoded frames as `tokenbench.media.video.read_chunks` shows them."""
    colour = ColourConverter(threads=1)
    with naming(path):
        return [colour.to_rgb(frame, display_matrix(frame)) for frame in frames]


def _time(video: OpenVideo, frame: VideoFrame) -> float:
    """As `tokenbench.media.video.decoded` counts it; NaN where the file does not say."""
    if frame.time is None:
        return math.nan
    return frame.time - float((video.stream.start_time or 0) * (video.stream.time_base or Fraction(1)))
