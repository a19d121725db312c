"""Frames turned, resized and cropped: in the pixel format that they have, or as 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from tokenbench.errors import ClipError
from tokenbench.media.colour import ColourConverter, frame_source, rgb_frame
from tokenbench.media.orientation import IDENTITY, TURNS, Matrix, swaps_sides

# Rounds instead of cutting off, and gives the same bits on every processor.
_SCALER = "lanczos+accurate_rnd+bitexact"

# 8-bit formats by how many pixels share a colour, across and down.
_BY_SHARING = {
    (1, 1): "yuv444p",
    (2, 1): "yuv422p",
    (2, 2): "yuv420p",
    (1, 2): "yuv440p",
    (4, 1): "yuv411p",
    (4, 4): "yuv410p",
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What becomes of the frames of a clip.

    Args:
        matrix: that turns them upright (`tokenbench.media.orientation.display_matrix`).
        height: of what comes out, as displayed.
        width: the same.
        resized: whether to resize to that size; else the last rows and columns are cropped to it.
        pixel_format: of what comes out, FFmpeg's name of an 8-bit format.
    """

    matrix: Matrix | None
    height: int
    width: int
    resized: bool
    pixel_format: str


def reshaper(shape: Shape) -> Reshaper:
    """What gives frames that shape: one frame in, one out."""
    return RgbReshaper(shape) if shape.pixel_format == "rgb24" else OwnReshaper(shape)


class Reshaper(Protocol):
    """One frame in, one out."""

    def reshaped(self, frame: VideoFrame) -> VideoFrame:
        """A frame as the clip shows it.

        Raises:
            ClipError: its colours cannot be converted.
        """
        ...


class RgbReshaper:
    """As 8-bit RGB, which the ffmpeg command decodes to, with Pillow's Lanczos filter: what the script does."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._colour = ColourConverter(threads=1)

    def reshaped(self, frame: VideoFrame) -> VideoFrame:
        """A frame as the clip shows it, rgb24."""
        shape = self._shape
        image = self._colour.to_rgb(frame, shape.matrix)
        if shape.resized:
            from tokenbench.media.lanczos import lanczos_resized

            image = lanczos_resized(image, shape.height, shape.width)
        return rgb_frame(image[: shape.height, : shape.width])


class OwnReshaper:
    """In the frames' own pixel format, by one filter graph.

    The order is that of the ffmpeg command: turn, resize (swscale's Lanczos), convert. Colour tags stay, and the range
    of values. The sample aspect ratio is ignored.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._key: tuple[object, ...] | None = None
        self._graph = Graph()

    def reshaped(self, frame: VideoFrame) -> VideoFrame:
        """A frame as the clip shows it."""
        key = (frame.format.name, frame.width, frame.height, frame.colorspace, frame.color_range)
        try:
            if key != self._key:
                self._graph, self._key = _graph(frame, self._shape), key
            self._graph.vpush(frame)
            return self._graph.vpull()
        except av.error.FFmpegError as error:
            shape = self._shape
            was = f"{frame.format.name}, {frame.width} x {frame.height}"
            wanted = f"{shape.pixel_format}, {shape.width} x {shape.height}"
            raise ClipError(
                f"its frames ({was}) cannot become {wanted}: {error.strerror}; re-encode the file"
            ) from error


def is_rgb(pixel_format: VideoFormat) -> bool:
    """Whether swscale would resize such frames through a YUV format."""
    return pixel_format.is_rgb or pixel_format.has_palette


def nearest_plain_format(pixel_format: VideoFormat, *, turned: bool) -> str:
    """The planar 8-bit format, without alpha, that loses least of a grey or YUV one.

    Args:
        pixel_format: of a frame.
        turned: by a quarter; then colours that fewer pixels share across than down, or more, get all pixels.
    """
    if len(pixel_format.components) - any(part.is_alpha for part in pixel_format.components) == 1:
        return "gray"
    across, down = 16 // pixel_format.chroma_width(16), 16 // pixel_format.chroma_height(16)
    return "yuv444p" if turned and across != down else _BY_SHARING[across, down]


def _graph(frame: VideoFrame, shape: Shape) -> Graph:
    matrix = shape.matrix or IDENTITY
    graph = Graph()
    graph.threads = 1
    nodes = [frame_source(graph, frame)]
    if swaps_sides(matrix) and frame.format.chroma_width(16) != frame.format.chroma_height(16):
        # The transpose filter knows no such format.
        nodes += [graph.add("scale", flags=_SCALER), graph.add("format", shape.pixel_format)]
    nodes += [graph.add(name, argument) for name, argument in TURNS[matrix]]
    if shape.resized:
        nodes.append(graph.add("scale", w=str(shape.width), h=str(shape.height), flags=_SCALER))
    else:
        nodes.append(graph.add("crop", f"{shape.width}:{shape.height}:0:0:exact=1"))
        nodes.append(graph.add("scale", flags=_SCALER))
    graph.link_nodes(*nodes, graph.add("format", shape.pixel_format), graph.add("buffersink"))
    graph.configure()
    return graph
