"""Video files: lossless ones to measure, and small ones to look at."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.container import Flags
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.files import cannot_write
from tokenbench.media.codec import repeatable
from tokenbench.media.colour import ColourConverter, rgb_frame
from tokenbench.media.ffmpeg_log import silence
from tokenbench.media.rate import frame_rate
from tokenbench.media.stored import LOSSLESS, VIEWING, VideoFormat

VIDEO_SUFFIX = LOSSLESS.suffix


class FrameWriter:
    """Writes frames of an 8-bit pixel format into a file, with the same bytes in every run.

    RGB frames (rgb24) are converted to what the file holds as the ffmpeg command does it: BT.601 limited range,
    untagged. Others must have the pixel format of the file, which gets the colour tags of the first.

    Args:
        path: of the file.
        height: of the frames.
        width: of the frames.
        rate: frames a second.
        video_format: container and encoder.
        pixel_format: of the frames, FFmpeg's name.
        threads: of the encoder; 0 takes one for each processor. It may decide the bits.
        comment: kept in the container (`tokenbench.media.comment` reads it).

    Raises:
        OutputError: the file cannot be written.
        ClipError: the encoder refuses the frames.
    """

    def __init__(
        self,
        path: Path,
        height: int,
        width: int,
        rate: Fraction,
        video_format: VideoFormat,
        *,
        pixel_format: str = "rgb24",
        threads: int = 0,
        comment: str = "",
    ) -> None:
        self._path, self._time_base, self._count = path, 1 / rate, 0
        self._colour = ColourConverter(threads)
        is_rgb = pixel_format == "rgb24"
        self.pixel_format = video_format.pixel_format_of(height, width) if is_rgb else pixel_format
        try:
            silence()
            container: Any = av.open(f"file:{path}", "w", format=video_format.container)
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(path, error) from error
        # No random numbers, and no version of the muxer.
        container.flags |= Flags.bitexact.value
        if comment:
            container.metadata["comment"] = comment
        options = {**video_format.options_of(height, width), "threads": str(threads)}
        self.options = repeatable(video_format.encoder, options)
        stream: Any = container.add_stream(video_format.encoder, rate=rate, options=dict(self.options))
        stream.height, stream.width, stream.pix_fmt = height, width, self.pixel_format
        self._container, self._stream = container, stream

    def write_frame(self, frame: VideoFrame) -> None:
        """Append a frame."""
        if frame.format.name == "rgb24":
            frame = self._coded(frame)
        elif self._count == 0:
            _tag(self._stream.codec_context, frame)
        frame.pts, frame.time_base = self._count, self._time_base
        # Which frames stand alone is the encoder's choice, and not that of the one before it.
        frame.pict_type = PictureType.NONE
        self._count += 1
        self._encode(frame)

    def _coded(self, frame: VideoFrame) -> VideoFrame:
        if self.pixel_format.startswith("yuv"):
            return self._colour.converted(frame, self.pixel_format)
        # Only the order of the bytes changes, which PyAV does itself.
        return frame.reformat(format=self.pixel_format)

    def _encode(self, frame: VideoFrame | None) -> None:
        try:
            packets = self._stream.encode(frame)
        except av.error.FFmpegError as error:
            size = f"{self._stream.width} x {self._stream.height}"
            raise ClipError(f"{self._stream.name} cannot encode {size} frames: {error.strerror}") from error
        try:
            self._container.mux(packets)
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._encode(None)
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(self._path, error) from error


class VideoWriter(FrameWriter):
    """Writes chunks of 8-bit RGB frames into a file.

    Args:
        path: of the file.
        height: of the frames.
        width: of the frames.
        fps: their rate; 0 becomes 25.
        video_format: container and encoder.
        comment: kept in the container.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(
        self, path: Path, height: int, width: int, fps: float, video_format: VideoFormat, comment: str = ""
    ) -> None:
        super().__init__(path, height, width, frame_rate(fps), video_format, comment=comment)

    def write(self, frames: NDArray[np.uint8]) -> None:
        """Append uint8 T x H x W x 3."""
        for image in frames:
            self.write_frame(rgb_frame(image))


class LosslessWriter(VideoWriter):
    """FFV1 in Matroska: reading the file back gives the same bits."""

    def __init__(self, path: Path, height: int, width: int, fps: float, comment: str = "") -> None:
        super().__init__(path, height, width, fps, LOSSLESS, comment)


class ViewingWriter(VideoWriter):
    """H.264 in MP4, which everything plays: chroma at half resolution, or whole where a side is odd; not for scores."""

    def __init__(self, path: Path, height: int, width: int, fps: float, comment: str = "") -> None:
        super().__init__(path, height, width, fps, VIEWING, comment)


def _tag(context: Any, frame: VideoFrame) -> None:
    context.colorspace, context.color_range = frame.colorspace, frame.color_range
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
