"""Streaming video decode: frames as `ffmpeg -pix_fmt rgb24` gives them, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.media.colour import ColourConverter
from tokenbench.media.orientation import display_matrix, orient, swaps_sides

# A stream may end a little before its stated duration; more than this is a cut file.
_DURATION_SLACK_SECONDS = 0.1


@dataclass(frozen=True)
class VideoInfo:
    """What a video's container says: `frames` is 0 where it does not say; sizes are as displayed."""

    frames: int
    fps: float
    height: int
    width: int


def probe_video(path: Path) -> VideoInfo:
    """Read the header, and the first frame for its orientation.

    Raises:
        ClipError: the file cannot be opened, is cut short, or holds no video.
    """
    with _open(path) as (container, stream):
        first = next(_decode(container, stream, path), None)
        if first is None:
            raise ClipError(f"{path}: holds no video frame; replace the file")
        height, width = first.height, first.width
        if swaps_sides(display_matrix(first)):
            height, width = width, height
        return VideoInfo(stream.frames, float(_rate(stream)), height, width)


def read_chunks(path: Path, size: int, *, frames: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Frames in presentation order, at most `size` of them at a time.

    Colour follows the stream's matrix and range (BT.601 limited where unspecified), bit for bit as
    `ffmpeg -pix_fmt rgb24` converts it; rotation and mirroring metadata are applied; frames of a variable-rate file
    come once each.

    Args:
        path: a video file.
        size: frames in a chunk.
        frames: stop after so many; None reads to the end.

    Yields:
        uint8 T x H x W x 3, 1 <= T <= `size`.

    Raises:
        ClipError: the file is damaged or cut short, or its frames change size.
    """
    chunk: list[NDArray[np.uint8]] = []
    for count, frame in enumerate(read_frames(path), start=1):
        chunk.append(frame)
        if len(chunk) == size or count == frames:
            yield np.stack(chunk)
            chunk = []
        if count == frames:
            return
    if chunk:
        yield np.stack(chunk)


def read_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Every frame of a video, uint8 H x W x 3, as `read_chunks` describes them."""
    with _open(path) as (container, stream):
        colour = ColourConverter()
        frame, shape, matrix = None, None, None
        for frame in _decode(container, stream, path):
            image = colour.to_rgb(frame)
            if shape is None:
                # Asked once: in PyAV a frame that was asked for its side data outlives its last use.
                shape, matrix = image.shape, display_matrix(frame)
            if image.shape != shape:
                raise ClipError(f"{path}: the frame size changes from {shape} to {image.shape}; re-encode the file")
            yield image if matrix is None else orient(image, matrix)
        _refuse_early_end(path, stream, frame)


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        container: Any = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    with container:
        if not container.streams.video:
            raise ClipError(f"{path}: holds no video stream; give a video file")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        _refuse_cut_index(path, stream)
        yield container, stream


def _decode(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    frames = container.decode(stream)
    count = 0
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ClipError(f"{path}: damaged after frame {count}: {reason}; replace the file") from error
        count += 1
        yield frame


def _rate(stream: VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(0)


def _refuse_cut_index(path: Path, stream: VideoStream) -> None:
    """The index of an mp4 names bytes that a file cut short does not have."""
    end = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    have = path.stat().st_size
    if end > have:
        raise ClipError(f"{path}: cut short, {have} bytes where its index needs {end}; copy or download it again")


def _refuse_early_end(path: Path, stream: VideoStream, last: VideoFrame | None) -> None:
    """Matroska and WebM state a stream's duration as a tag; frames must reach it."""
    end = float(last.time) if last is not None and last.time is not None else 0.0
    stated = _tagged_seconds(stream.metadata.get("DURATION", ""))
    if stated - end > _DURATION_SLACK_SECONDS + float(1 / (_rate(stream) or 1)):
        raise ClipError(f"{path}: cut short, frames end at {end:.2f} s of {stated:.2f} s; copy or download it again")


def _tagged_seconds(tag: str) -> float:
    """Seconds of a `HH:MM:SS.fraction` tag; 0 where there is none."""
    if tag.count(":") != 2:
        return 0.0
    hours, minutes, seconds = tag.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _unreadable(path: Path, error: Exception) -> ClipError:
    if isinstance(error, FileNotFoundError):
        return ClipError(f"{path}: no such file; check the path")
    if isinstance(error, PermissionError):
        return ClipError(f"{path}: permission denied; make the file readable")
    if path.is_file() and path.stat().st_size == 0:
        return ClipError(f"{path}: the file is empty; copy or download it again")
    return ClipError(f"{path}: not a readable video (damaged, cut short, or another kind of file); replace it")
