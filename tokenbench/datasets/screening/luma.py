"""The luma of a clip's frames, read without converting colours where the file has luma of 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray
from PIL import Image

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.colour import ColourConverter
from tokenbench.media.orientation import display_matrix, orient
from tokenbench.media.video import decoded, naming, open_video

# Time stamps are rounded, to milliseconds in some containers.
TOLERANCE = 0.001

# ITU-R BT.601 and BT.709: luma of limited range lies in [16, 235].
_FULL_RANGE = bytes(min(255, max(0, round((level - 16) * 255 / 219))) for level in range(256))


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    Args:
        time: in seconds from the clip's first frame.
        luma: uint8 H x W, as displayed, [0, 255] for black to white.
    """

    time: float
    luma: NDArray[np.uint8]


def luma_frames(clip: Clip, seconds: float) -> Iterator[Frame]:
    """Frames in presentation order, at their time stamps.

    Args:
        clip: a video; with its `fps` where it is a folder of images.
        seconds: stop before this time.

    Raises:
        ClipError: the file cannot be read, its frames change size, or have neither time stamps nor a rate.
    """
    shape: tuple[int, ...] | None = None
    for frame in _of_folder(clip) if clip.path.is_dir() else _of_video(clip):
        if frame.time >= seconds - TOLERANCE:
            return
        shape = shape or frame.luma.shape
        if frame.luma.shape != shape:
            raise ClipError(
                f"{clip.content}: the frame size changes from {shape} to {frame.luma.shape}; re-encode the file"
            )
        yield frame


def reduced(luma: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """A picture whose long side has at most so many pixels, each the mean of those that it covers.

    Args:
        luma: uint8 H x W.
        long_side: in pixels; smaller pictures stay as they are.

    Returns:
        uint8 h x w, h and w at least 2.
    """
    height, width = luma.shape
    scale = long_side / max(height, width)
    if scale >= 1:
        return luma
    size = max(2, round(width * scale)), max(2, round(height * scale))
    return np.asarray(Image.fromarray(luma).resize(size, Image.Resampling.BOX, reducing_gap=2.0))


def _of_folder(clip: Clip) -> Iterator[Frame]:
    for number, chunk in enumerate(clip.chunks(1)):
        yield Frame(_time(clip, None, number), _luma_of_rgb(chunk[0]))


def _of_video(clip: Clip) -> Iterator[Frame]:
    # One thread: a build has a process for each processor, and every thread of a decoder holds frames of its own.
    colour, matrix, origin = ColourConverter(threads=1), None, 0.0
    with open_video(clip.content, threads=1) as video:
        for number, frame in enumerate(decoded(video, clip.start, clip.end)):
            with naming(clip.content):
                if number == 0:
                    matrix, origin = display_matrix(frame), frame.time or 0.0
                luma = _luma_plane(frame) if _has_luma_plane(frame) else _luma_of_rgb(colour.to_rgb(frame))
            if matrix is not None:
                luma = orient(luma[..., None], matrix)[..., 0]
            yield Frame(_time(clip, None if frame.time is None else frame.time - origin, number), luma)


def _time(clip: Clip, stamp: float | None, number: int) -> float:
    if stamp is not None:
        return stamp
    if clip.fps <= 0:
        raise ClipError(f"{clip.content}: its frame rate is not known; give it, or encode the frames as a video")
    return number / clip.fps


def _has_luma_plane(frame: VideoFrame) -> bool:
    luma = frame.format.components[0]
    return luma.is_luma and luma.bits == 8 and frame.format.is_planar


def _luma_plane(frame: VideoFrame) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    levels = bytes(plane)
    if frame.color_range != ColorRange.JPEG and not frame.format.name.startswith("yuvj"):
        levels = levels.translate(_FULL_RANGE)
    return np.frombuffer(levels, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def _luma_of_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).convert("L"))
