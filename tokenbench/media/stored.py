"""What stored videos are encoded with, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenbench.errors import TokenBenchError

STORAGES = {
    "lossless": "FFV1 in Matroska, in the pixel format that the frames have: reading gives them back bit for bit",
    "h264": "H.264 as mediapy writes it: libx264 medium, constant QP 28 above 640 x 480 pixels, else 20",
    "h264-qp<N>": "as h264, at the constant QP N (0 to 51) whatever the size",
    "h264-crf<N>": "H.264 at libx264's constant quality N (0 to 51), medium, 20 frames of lookahead",
}

# mediapy 1.1.6 to 1.2: quantiser parameter by frame area.
_MEDIAPY_AREA = 640 * 480
_MEDIAPY_QP_LARGE, _MEDIAPY_QP_SMALL = "28", "20"

# libx264's "medium" would hold 40 frames to plan its bits: 1 GB of 3840 x 2160. A constant QP plans nothing.
_LOOKAHEAD = {"rc-lookahead": "20"}

_H264 = re.compile(r"h264-(qp|crf)(\d{1,2})", re.ASCII)
_LARGEST_QP = 51


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """A container and an encoder in it, by FFmpeg's names.

    Args:
        container, encoder: of the file.
        suffix: of its name.
        pixel_format: that RGB frames are coded in.
        odd_pixel_format: in its place for sizes that it cannot hold.
        keeps_pixel_format: frames of another 8-bit format than RGB are coded in their own.
        options: of the encoder.
        small_options: in their place for frames of at most 640 x 480 pixels, where they differ.
    """

    container: str
    encoder: str
    suffix: str
    pixel_format: str
    odd_pixel_format: str
    keeps_pixel_format: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    small_options: Mapping[str, str] = field(default_factory=dict)

    def pixel_format_of(self, height: int, width: int) -> str:
        """What RGB frames of that size are coded in."""
        return self.odd_pixel_format if height % 2 or width % 2 else self.pixel_format

    def options_of(self, height: int, width: int) -> dict[str, str]:
        """The encoder's options for frames of that size."""
        small = self.small_options if height * width <= _MEDIAPY_AREA else {}
        return {**self.options, **small}


def stored_as(name: str) -> VideoFormat:
    """The format of that name.

    Raises:
        TokenBenchError: it is none of `STORAGES`.
    """
    if name == "lossless":
        return LOSSLESS
    if name == "h264":
        return _h264({"qp": _MEDIAPY_QP_LARGE}, {"qp": _MEDIAPY_QP_SMALL})
    match = _H264.fullmatch(name)
    if match is None or int(match[2]) > _LARGEST_QP:
        raise TokenBenchError(
            f"unknown storage {name!r}: choose one of {', '.join(STORAGES)}, with N up to {_LARGEST_QP}"
        )
    quality = {match[1]: str(int(match[2]))}
    return _h264(quality if match[1] == "qp" else quality | _LOOKAHEAD)


def stored_suffix(name: str) -> str:
    """Of the names of files in the format of that name.

    Raises:
        TokenBenchError: as `stored_as`.
    """
    return stored_as(name).suffix


def _h264(options: Mapping[str, str], small_options: Mapping[str, str] | None = None) -> VideoFormat:
    return VideoFormat(
        container="mp4",
        encoder="libx264",
        suffix=".mp4",
        pixel_format="yuv420p",
        odd_pixel_format="yuv444p",
        options={"preset": "medium", **options},
        small_options=small_options or {},
    )


LOSSLESS = VideoFormat(
    container="matroska",
    encoder="ffv1",
    suffix=".mkv",
    pixel_format="bgr0",
    odd_pixel_format="bgr0",
    keeps_pixel_format=True,
)

# The constant quality that FFmpeg's guide to H.264 calls visually lossless.
VIEWING = _h264({"crf": "17"})
