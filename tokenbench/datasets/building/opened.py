"""A clip opened for its preparation: the frames from the first to the last that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from av.video.frame import VideoFrame

from tokenbench.datasets.building.preparation import Preparation, frame_cap
from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.colour import rgb_frame
from tokenbench.media.constant_rate import base_rate, constant_rate, start_of_file
from tokenbench.media.frames_folder import read_frames
from tokenbench.media.rate import frame_rate
from tokenbench.media.video import OpenVideo, average_rate, decoded, open_video


@dataclass(frozen=True, kw_only=True)
class OpenedClip:
    """What is kept of a clip.

    Args:
        first: frame.
        frames: all that are kept, the first too, once; a repetition is the same object.
        read: counts those that were decoded.
        average: rate of the whole file, frames a second.
        base: rate that the ffmpeg command fills it up to.
        aspect: of a pixel, width by height; 0 where the file states none.
    """

    first: VideoFrame
    frames: Iterator[VideoFrame]
    read: Counted
    average: Fraction
    base: Fraction
    aspect: Fraction


class Counted:
    """Frames, counted as they are taken: `count` of them so far."""

    def __init__(self, frames: Iterable[VideoFrame]) -> None:
        self._frames = frames
        self.count = 0

    def __iter__(self) -> Iterator[VideoFrame]:
        for frame in self._frames:
            self.count += 1
            yield frame


@contextmanager
def open_clip(clip: Clip, preparation: Preparation, threads: int) -> Iterator[OpenedClip]:
    """Open a video file, a cut of one, a video in an archive, or a folder of images.

    Args:
        clip: to read.
        preparation: with what is kept of it, and whether it is filled up.
        threads: of the decoder.

    Raises:
        ClipError: it cannot be read, holds no frame, or states no rate.
    """
    if isinstance(clip.content, Path) and clip.path.is_dir():
        yield _folder(clip, preparation)
    else:
        with open_video(clip.content, threads=threads) as video:
            yield _file(clip, video, preparation)


def _folder(clip: Clip, preparation: Preparation) -> OpenedClip:
    if clip.fps <= 0:
        raise ClipError(f"{clip.path}: a folder of images states no frame rate; give one")
    cap = frame_cap(preparation, clip.fps) or None
    read = Counted(rgb_frame(chunk[0]) for chunk in read_frames(clip.path, 1, frames=cap))
    rate = frame_rate(clip.fps)
    return _kept(clip, read, iter(read), rate, rate, Fraction(1))


def _file(clip: Clip, video: OpenVideo, preparation: Preparation) -> OpenedClip:
    stream, end = video.stream, clip.end
    average, base = average_rate(stream), base_rate(stream)
    if not average:
        raise ClipError(f"{clip.content}: states no frame rate; re-encode the file")
    cap = frame_cap(preparation, float(average if preparation.cut_by == "frames" else base)) or None
    if preparation.cut_by == "time" and preparation.seconds and not preparation.fill_up:
        # Only the time stamps tell how many frames of a variable rate that is.
        cap, end = None, clip.start + preparation.seconds
        end = min(end, clip.end or end)
    read = Counted(decoded(video, clip.start, end))
    frames = iter(read)
    if preparation.fill_up:
        # A cut begins with its first frame, as a file of its own would.
        frames = constant_rate(frames, base, None if clip.start else start_of_file(video.container, stream))
    return _kept(clip, read, islice(frames, cap), average, base, Fraction(stream.sample_aspect_ratio or 0))


def _kept(
    clip: Clip, read: Counted, frames: Iterator[VideoFrame], average: Fraction, base: Fraction, aspect: Fraction
) -> OpenedClip:
    first = next(frames, None)
    if first is None:
        raise ClipError(f"{clip.content}: its pictures begin more than 108,000 frames after its sound; re-encode it")
    return OpenedClip(first=first, frames=chain([first], frames), read=read, average=average, base=base, aspect=aspect)
