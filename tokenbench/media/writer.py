"""Video files: lossless ones to measure, and small ones to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tokenbench.files import cannot_write
from tokenbench.media.colour import ColourConverter
from tokenbench.media.rate import frame_rate

VIDEO_SUFFIX = ".mkv"


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """A container and an encoder in it, by FFmpeg's names.

    Args:
        container, encoder: of the file.
        pixel_format: of the coded frames.
        odd_pixel_format: in its place for sizes that it cannot hold.
        options: the encoder's private options.
    """

    container: str
    encoder: str
    pixel_format: str
    odd_pixel_format: str
    options: Mapping[str, str] = field(default_factory=dict)


_FFV1 = VideoFormat(container="matroska", encoder="ffv1", pixel_format="bgr0", odd_pixel_format="bgr0")

# The constant quality that FFmpeg's guide to H.264 calls visually lossless.
_H264 = VideoFormat(
    container="mp4",
    encoder="libx264",
    pixel_format="yuv420p",
    odd_pixel_format="yuv444p",
    options={"crf": "17", "preset": "medium"},
)


class VideoWriter:
    """Writes 8-bit RGB frames into a file.

    Args:
        path: of the file.
        height: of the frames.
        width: of the frames.
        fps: their rate; 0 becomes 25.
        video_format: container and encoder.
        comment: kept in the container (`tokenbench.media.comment` reads it).

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(
        self, path: Path, height: int, width: int, fps: float, video_format: VideoFormat, comment: str = ""
    ) -> None:
        self._path = path
        self._colour = ColourConverter()
        even = height % 2 == 0 and width % 2 == 0
        self._pixel_format = video_format.pixel_format if even else video_format.odd_pixel_format
        try:
            self._container: Any = av.open(f"file:{path}", "w", format=video_format.container)
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(path, error) from error
        if comment:
            self._container.metadata["comment"] = comment
        stream: Any = self._container.add_stream(
            video_format.encoder, rate=frame_rate(fps), options=dict(video_format.options)
        )
        stream.height, stream.width, stream.pix_fmt = height, width, self._pixel_format
        self._stream: Any = stream

    def write(self, frames: NDArray[np.uint8]) -> None:
        """Append uint8 T x H x W x 3."""
        for image in frames:
            self._mux(self._frame(image))

    def _frame(self, image: NDArray[np.uint8]) -> VideoFrame:
        if self._pixel_format.startswith("yuv"):
            return self._colour.from_rgb(image, self._pixel_format)
        # Only the order of the bytes changes, which PyAV does itself.
        return VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")

    def _mux(self, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._mux(None)
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(self._path, error) from error


class LosslessWriter(VideoWriter):
    """FFV1 in Matroska: reading the file back gives the same bits."""

    def __init__(self, path: Path, height: int, width: int, fps: float, comment: str = "") -> None:
        super().__init__(path, height, width, fps, _FFV1, comment)


class ViewingWriter(VideoWriter):
    """H.264 in MP4, which everything plays: chroma at half resolution, or whole where a side is odd; not for scores."""

    def __init__(self, path: Path, height: int, width: int, fps: float, comment: str = "") -> None:
        super().__init__(path, height, width, fps, _H264, comment)
