"""Conversion between RGB and the pixel formats of files, as `ffmpeg -pix_fmt` does it."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray


class ColourConverter:
    """Converts frames of one clip; keeps the tables of the last conversion.

    Matrix and range are those that a frame states, BT.601 limited where it states none. Bicubic is the flag of
    ffmpeg's own conversion: another one rounds otherwise.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """A decoded frame as uint8 H x W x 3."""
        rgb = self._reformatter.reformat(frame, format="rgb24", interpolation=Interpolation.BICUBIC)
        return cast(NDArray[np.uint8], rgb.to_ndarray())

    def from_rgb(self, image: NDArray[np.uint8], pixel_format: str) -> VideoFrame:
        """A uint8 H x W x 3 image in FFmpeg's pixel format of that name."""
        rgb = VideoFrame.from_ndarray(cast(Any, np.ascontiguousarray(image)), format="rgb24")
        return self._reformatter.reformat(rgb, format=pixel_format, interpolation=Interpolation.BICUBIC)


def through_pixel_format(frames: NDArray[np.uint8], pixel_format: str) -> NDArray[np.uint8]:
    """Frames after conversion to a pixel format and back, with no codec between.

    Args:
        frames: uint8 T x H x W x 3.
        pixel_format: FFmpeg's name, such as "yuv420p".
    """
    there, back = ColourConverter(), ColourConverter()
    images = [back.to_rgb(there.from_rgb(image, pixel_format)) for image in frames]
    return np.stack(images) if images else frames
