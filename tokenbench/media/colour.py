"""Conversion between RGB and the pixel formats of files, as `ffmpeg -pix_fmt` does it."""

from __future__ import annotations

from typing import Any, cast

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tokenbench.errors import ClipError
from tokenbench.media.orientation import TURNS, Matrix
from tokenbench.parallel import media_threads


class ColourConverter:
    """Converts frames of one clip; keeps the tables of the last conversion.

    Matrix and range are those that a frame states, BT.601 limited where it states none. Chroma is interpolated
    bicubically. It is ffmpeg's own filter, and not PyAV's reformatter, which also looks at the chroma location and at
    interlacing: ffmpeg does not, and 10-bit, odd-sized and interlaced frames come out differently.

    Args:
        threads: of the filter; 0 takes this process's share of the cores.
    """

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads
        self._key: tuple[object, ...] | None = None
        self._graph = Graph()

    def to_rgb(self, frame: VideoFrame, matrix: Matrix | None = None) -> NDArray[np.uint8]:
        """A decoded frame as uint8 H x W x 3, turned as its display matrix asks."""
        return cast(NDArray[np.uint8], self.converted(frame, "rgb24", matrix).to_ndarray())

    def from_rgb(self, image: NDArray[np.uint8], pixel_format: str) -> VideoFrame:
        """A uint8 H x W x 3 image in FFmpeg's pixel format of that name."""
        return self.converted(rgb_frame(image), pixel_format)

    def converted(self, frame: VideoFrame, pixel_format: str, matrix: Matrix | None = None) -> VideoFrame:
        """A frame in another of FFmpeg's pixel formats.

        Args:
            frame: as it was decoded.
            pixel_format: FFmpeg's name.
            matrix: of `tokenbench.media.orientation.display_matrix`, to turn it by.

        Raises:
            ClipError: there is no way from the frame's own format to that one.
        """
        key = (frame.format.name, frame.width, frame.height, frame.colorspace, frame.color_range, pixel_format, matrix)
        try:
            if key != self._key:
                self._graph, self._key = _graph(frame, pixel_format, self._threads, matrix), key
            self._graph.vpush(frame)
            return self._graph.vpull()
        except av.error.FFmpegError as error:
            raise ClipError(
                f"its colours ({frame.format.name}, matrix {frame.colorspace}, range {frame.color_range}) cannot be "
                f"converted to {pixel_format}: {error.strerror}; re-encode the file"
            ) from error


def rgb_frame(image: NDArray[np.uint8]) -> VideoFrame:
    """A uint8 H x W x 3 image as a frame of the pixel format rgb24."""
    return VideoFrame.from_ndarray(cast(Any, np.ascontiguousarray(image)), format="rgb24")


def through_pixel_format(frames: NDArray[np.uint8], pixel_format: str) -> NDArray[np.uint8]:
    """Frames after conversion to a pixel format and back, with no codec between.

    Args:
        frames: uint8 T x H x W x 3.
        pixel_format: FFmpeg's name, such as "yuv420p".
    """
    there, back = ColourConverter(), ColourConverter()
    images = [back.to_rgb(there.from_rgb(image, pixel_format)) for image in frames]
    return np.stack(images) if images else frames


def _graph(frame: VideoFrame, pixel_format: str, threads: int, matrix: Matrix | None) -> Graph:
    """A filter graph for frames of one kind: what the ffmpeg command builds for `-pix_fmt`."""
    graph = Graph()
    graph.threads = threads or media_threads()
    nodes = [frame_source(graph, frame)]
    if matrix is None:
        nodes.append(graph.add("scale", flags="bicubic"))
    else:
        # FFmpeg itself puts the conversion, bicubic as well, behind the turn; or before it, for formats that the turn
        # does not know. Chroma of more than 8 bits is interpolated otherwise across than down, so that this matters.
        nodes += [graph.add(name, argument) for name, argument in TURNS[matrix]]
    graph.link_nodes(*nodes, graph.add("format", pixel_format), graph.add("buffersink"))
    graph.configure()
    return graph


def frame_source(graph: Graph, frame: VideoFrame) -> FilterContext:
    """Where frames of one kind enter a graph."""
    return graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        colorspace=str(int(frame.colorspace)),
        range=str(int(frame.color_range)),
        time_base="1/1",
    )
