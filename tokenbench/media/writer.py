"""Lossless video files."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tokenbench.files import cannot_write
from tokenbench.media.rate import frame_rate

VIDEO_SUFFIX = ".mkv"


class LosslessWriter:
    """Writes 8-bit RGB frames as FFV1 in Matroska; reading them back gives the same bits.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, height: int, width: int, fps: float) -> None:
        self._path = path
        try:
            self._container = av.open(f"file:{path}", "w", format="matroska")
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(path, error) from error
        stream = self._container.add_stream("ffv1", rate=frame_rate(fps))
        stream.height, stream.width, stream.pix_fmt = height, width, "bgr0"
        self._stream = stream

    def write(self, frames: NDArray[np.uint8]) -> None:
        """Append uint8 T x H x W x 3."""
        for image in frames:
            self._mux(VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"))

    def _mux(self, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise cannot_write(self._path, error) from error

    def __enter__(self) -> LosslessWriter:
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
