"""Streaming video decode: frames as `ffmpeg -pix_fmt rgb24` gives them, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.media.colour import ColourConverter
from tokenbench.media.ffmpeg_log import silence
from tokenbench.media.limits import FRAMES, PIXELS, refuse_absurd_size, refuse_special_file
from tokenbench.media.member import Member
from tokenbench.media.orientation import display_matrix, swaps_sides, turn_of
from tokenbench.media.truncation import HEAD_BYTES, needed_bytes
from tokenbench.parallel import media_threads

# What files with the suffixes of videos hold, by FFmpeg's names, and no playlist or script (hls, dash, concat, image2,
# lavfi): those would make it read other files, or addresses. A file's content decides its format, not its name.
_FORMATS = (
    *("mov", "matroska", "avi", "mpeg", "mpegts", "mpegvideo", "m4v", "asf", "flv", "yuv4mpegpipe", "gif"),
    *("h264", "hevc", "av1", "obu", "ivf", "ogg", "nut", "mxf", "dv", "mjpeg"),
)

# Formats that jump to a key frame at or before a time. In the others a jump may land behind it, or between key frames.
_JUMPING = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")

# The time stamps of lists are rounded to milliseconds.
_HALF_A_MILLISECOND = 0.0005


@dataclass(frozen=True)
class VideoInfo:
    """What a video's container says.

    Args:
        frames: 0 where it does not say.
        fps: average rate.
        height, width: as displayed.
        rotation: clockwise degrees by which frames are turned to be displayed.
    """

    frames: int
    fps: float
    height: int
    width: int
    rotation: int


def probe_video(path: Path | Member, *, start: float = 0.0, end: float = 0.0) -> VideoInfo:
    """Read the header, and the first frame for its orientation.

    Args:
        path: a video file.
        start: of a cut of it, as `decoded` takes it; the number of its frames is not known beforehand.
        end: of the cut.

    Raises:
        ClipError: the file cannot be opened, is cut short, or holds no video.
    """
    with open_video(path) as video:
        first = next(decoded(video, start, end))
        height, width = first.height, first.width
        with naming(path):
            matrix = display_matrix(first)
        if swaps_sides(matrix):
            height, width = width, height
        frames = video.stream.frames if not start and not end else 0
        return VideoInfo(frames, float(average_rate(video.stream)), height, width, turn_of(matrix)[0])


def read_chunks(
    path: Path | Member, size: int, *, frames: int | None = None, start: float = 0.0, end: float = 0.0
) -> Iterator[NDArray[np.uint8]]:
    """Frames in presentation order, at most `size` of them at a time.

    Colour follows the stream's matrix and range (BT.601 limited where unspecified), bit for bit as
    `ffmpeg -pix_fmt rgb24` converts it; rotation and mirroring metadata are applied; frames of a variable-rate file
    come once each.

    Args:
        path: a video file.
        size: frames in a chunk.
        frames: stop after so many; None reads to the end.
        start: of a cut of it, as `decoded` takes it.
        end: of the cut.

    Yields:
        uint8 T x H x W x 3, 1 <= T <= `size`.

    Raises:
        ClipError: the file is damaged or cut short, or its frames change size.
    """
    chunk: list[NDArray[np.uint8]] = []
    for frame in islice(read_frames(path, start=start, end=end), frames):
        chunk.append(frame)
        if len(chunk) == size:
            yield np.stack(chunk)
            chunk = []
    if chunk:
        yield np.stack(chunk)


def read_frames(path: Path | Member, *, start: float = 0.0, end: float = 0.0) -> Iterator[NDArray[np.uint8]]:
    """Every frame of a video, uint8 H x W x 3, as `read_chunks` describes them."""
    with open_video(path) as video:
        colour = ColourConverter()
        shape, matrix = None, None
        for frame in decoded(video, start, end):
            with naming(path):
                if shape is None:
                    # Asked once: in PyAV a frame that was asked for its side data outlives its last use.
                    matrix = display_matrix(frame)
                image = colour.to_rgb(frame, matrix)
            shape = shape or image.shape
            if image.shape != shape:
                raise ClipError(f"{path}: the frame size changes from {shape} to {image.shape}; re-encode the file")
            yield image


@dataclass(frozen=True)
class OpenVideo:
    """A video file that is being read: its name for messages, its container, and the stream of its pictures."""

    path: Path | Member
    container: InputContainer
    stream: VideoStream


@contextmanager
def open_video(path: Path | Member, *, threads: int = 0) -> Iterator[OpenVideo]:
    """Open a file, or a file in an archive, for `decoded`.

    Args:
        path: a video file.
        threads: of the decoder; 0 takes this process's share of the cores.

    Raises:
        ClipError: it cannot be opened, is cut short, is a playlist of other files, or holds no video, or one of absurd
            size.
    """
    refuse_special_file(path)
    data = None if isinstance(path, Path) else path.read_bytes()
    # While the file is probed, too, and for frames that become larger behind the header.
    limits = {"max_pixels": str(PIXELS.value)}
    allowed = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}
    silence()
    try:
        # Named as a file: "take:2.mp4" alone would be FFmpeg's protocol "take". Titles may be in any encoding.
        name: Any = f"file:{path}" if data is None else BytesIO(data)
        container: Any = av.open(name, options=limits | allowed, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    with container:
        streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not streams:
            raise ClipError(f"{path}: holds no video stream; give a video file")
        decoder = streams[0].codec_context
        if decoder is None:
            raise ClipError(f"{path}: PyAV has no decoder for its video; re-encode the file, as H.264 for instance")
        refuse_absurd_size(path, decoder.height, decoder.width)
        if not decoder.height * decoder.width:
            # FFmpeg forgets a size above its limit.
            raise ClipError(f"{path}: declares no size of its frames, or {PIXELS.advice}")
        FRAMES.refuse_more(path, streams[0].frames, f"{streams[0].frames:,} frames")
        decoder.options = limits
        decoder.thread_type, decoder.thread_count = "AUTO", threads or media_threads()
        # Cut the left edge where the stream states it, and not at the next multiple of the memory's alignment.
        decoder.flags |= Flags.unaligned
        _refuse_cut_file(path, data, streams[0])
        yield OpenVideo(path, container, streams[0])


def decoded(video: OpenVideo, start: float = 0.0, end: float = 0.0) -> Iterator[VideoFrame]:
    """Decoded frames in presentation order, at least one.

    Args:
        video: opened, and not read from yet.
        start: in seconds, counted from the video's first frame: those with a smaller time stamp are left out.
        end: those with this time stamp or a larger one are left out; 0 is the video's own end.

    Raises:
        ClipError: the file is damaged, cut short, or has no frame there.
    """
    stream, unit = video.stream, video.stream.time_base or Fraction(1)
    origin = float((stream.start_time or 0) * unit)
    if start and video.container.format.name in _JUMPING:
        video.container.seek(int((origin + start) / unit), stream=stream)
    count = 0
    for frame in _every(video):
        time = frame.time - origin if frame.time is not None else None
        if (start or end) and time is None:
            raise ClipError(f"{video.path}: its frames have no time stamps to cut at; re-encode the file")
        if time is not None and end and time >= end - _HALF_A_MILLISECOND:
            break
        if time is None or time >= start - _HALF_A_MILLISECOND:
            count += 1
            yield frame
    if count == 0:
        where = f" between {start:g} and {end:g} s" if end else f" after {start:g} s" if start else ""
        raise ClipError(f"{video.path}: holds no video frame{where}; replace the file")


def average_rate(stream: VideoStream) -> Fraction:
    """Frames a second over the whole stream as the container states it, or the best guess; 0 where there is none."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(0)


@contextmanager
def naming(path: Path | Member) -> Iterator[None]:
    """Puts the file's name in front of what is wrong with its frames."""
    try:
        yield
    except ClipError as error:
        raise ClipError(f"{path}: {error}") from error


def _every(video: OpenVideo) -> Iterator[VideoFrame]:
    count, cut, most = 0, False, FRAMES.value
    try:
        for packet in video.container.demux(video.stream):
            # The last packet of a stream is empty; one whose bytes end too early is marked, and matters at the end.
            cut = packet.is_corrupt if packet.size else cut
            for frame in packet.decode():
                count += 1
                if count > most:
                    raise ClipError(f"{video.path}: has {FRAMES.advice}")
                yield frame
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClipError(f"{video.path}: damaged after frame {count}: {reason}; replace the file") from error
    if cut:
        raise ClipError(f"{video.path}: cut short within frame {count}; copy or download it again")


def _refuse_cut_file(path: Path | Member, data: bytes | None, stream: VideoStream) -> None:
    if isinstance(path, Path):
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        have = path.stat().st_size
    else:
        data = data or b""
        head, have = data[:HEAD_BYTES], len(data)
    needed = needed_bytes(head, stream)
    if have < needed:
        raise ClipError(f"{path}: cut short, {have} bytes of {needed}; copy or download it again")


def _unreadable(path: Path | Member, error: Exception) -> ClipError:
    if isinstance(error, FileNotFoundError):
        return ClipError(f"{path}: no such file; check the path")
    if isinstance(error, PermissionError):
        return ClipError(f"{path}: permission denied; make the file readable")
    if isinstance(path, Path) and path.is_file() and path.stat().st_size == 0:
        return ClipError(f"{path}: the file is empty; copy or download it again")
    return ClipError(f"{path}: not a readable video (damaged, cut short, or another kind of file); replace it")
