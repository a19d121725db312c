"""Through a video codec and back, frame by frame, counting the bytes that were really written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import av
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from llvmlite.binding import get_host_cpu_features
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.colour import ColourConverter
from tokenbench.media.ffmpeg_log import silence
from tokenbench.media.rate import frame_rate

# Of a frame, in pixels: libx265 writes past its buffers below some 40, and libsvtav1 refuses less.
_LEAST_SIDE = {"libx265": 64, "libsvtav1": 64}


@dataclass(frozen=True, kw_only=True)
class CodecSettings:
    """An encoder at an operating point.

    Colour is converted as ffmpeg does it by default (bicubic chroma, BT.601 limited range, untagged). Sizes that
    `pixel_format` or the encoder cannot hold are extended by repeating the last row or column, and cropped after
    decoding.

    Args:
        encoder: FFmpeg's name of the encoder, such as "libx264".
        decoder: FFmpeg's name of the decoder.
        options: the encoder's private options. A thread count belongs here where it changes the bits.
        pixel_format: of the coded frames.
    """

    encoder: str
    decoder: str
    options: Mapping[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"


class VideoEncoder:
    """RGB frames in, packets out."""

    def __init__(self, settings: CodecSettings, height: int, width: int, fps: float) -> None:
        self.settings = settings
        self._colour = ColourConverter()
        least = _LEAST_SIDE.get(settings.encoder, 2)
        coded = [max(least, side + side % 2) for side in (height, width)]
        self._pad = ((0, coded[0] - height), (0, coded[1] - width), (0, 0))
        rate = frame_rate(fps)
        context = _context(settings.encoder, "w")
        context.height, context.width = coded
        context.pix_fmt = settings.pixel_format
        context.framerate = rate
        context.time_base = 1 / rate
        context.options = repeatable(settings.encoder, settings.options)
        self._context = context
        self._count = 0

    def push(self, frames: NDArray[np.uint8]) -> list[bytes]:
        """Take uint8 T x H x W x 3; give the packets that are finished."""
        packets: list[bytes] = []
        for image in frames:
            frame = self._colour.from_rgb(np.pad(image, self._pad, mode="edge"), self.settings.pixel_format)
            frame.pts = self._count
            frame.time_base = self._context.time_base
            self._count += 1
            packets += self._encode(frame)
        return packets

    def flush(self) -> list[bytes]:
        """The rest."""
        return self._encode(None)

    def _encode(self, frame: VideoFrame | None) -> list[bytes]:
        try:
            return [bytes(packet) for packet in self._context.encode(frame)]
        except (av.error.FFmpegError, ValueError) as error:
            size = f"{self._context.width}x{self._context.height}"
            raise ClipError(f"{self.settings.encoder} cannot encode {size} frames: {error}") from error


class VideoDecoder:
    """Packets in, RGB frames out in presentation order."""

    def __init__(self, settings: CodecSettings, height: int, width: int) -> None:
        self._shape = (height, width)
        self._colour = ColourConverter()
        self._context = _context(settings.decoder, "r")

    def push(self, packets: Iterable[bytes]) -> NDArray[np.uint8]:
        """Take packets; give the frames that are finished, uint8 T x H x W x 3, T >= 0."""
        return self._stack(frame for packet in packets for frame in self._context.decode(Packet(packet)))

    def flush(self) -> NDArray[np.uint8]:
        """The rest."""
        return self._stack(self._context.decode(None))

    def _stack(self, frames: Iterable[VideoFrame]) -> NDArray[np.uint8]:
        height, width = self._shape
        images = [self._colour.to_rgb(frame)[:height, :width] for frame in frames]
        return np.stack(images) if images else np.empty((0, height, width, 3), np.uint8)


class CodecRoundTrip:
    """One clip through encoder and decoder, as a stream.

    `bytes_written` counts the elementary stream: the codec's packets without a container around them.
    """

    def __init__(self, settings: CodecSettings, height: int, width: int, fps: float) -> None:
        self._encoder = VideoEncoder(settings, height, width, fps)
        self._decoder = VideoDecoder(settings, height, width)
        self.bytes_written = 0

    def push(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Take uint8 T x H x W x 3; give the frames that came back, T >= 0 of them."""
        return self._decoder.push(self._counted(self._encoder.push(frames)))

    def flush(self) -> NDArray[np.uint8]:
        """The rest, so that as many frames came back as went in."""
        rest = self._decoder.push(self._counted(self._encoder.flush()))
        return np.concatenate([rest, self._decoder.flush()])

    def _counted(self, packets: Iterable[bytes]) -> Iterator[bytes]:
        for packet in packets:
            self.bytes_written += len(packet)
            yield packet


def repeatable(encoder: str, options: Mapping[str, str]) -> dict[str, str]:
    """An encoder's options, and what it needs besides to write the same bits in every run."""
    options = dict(options)
    if encoder == "libx264" and get_host_cpu_features().get("avx512f"):
        # libx264's AVX-512 code gave other bits in 5 runs of 150, with one thread and the same frames; its AVX2 code
        # in none, and those that it gives are the usual ones (FFmpeg 8.1, measured on AMD Zen 5).
        options["x264-params"] = ":".join(filter(None, [options.get("x264-params"), "asm=avx2"]))
    return options


def _context(name: str, mode: str) -> VideoCodecContext:
    try:
        silence()
        context: Any = av.CodecContext.create(name, mode)  # type: ignore[call-overload]
    except (av.error.FFmpegError, ValueError) as error:
        verb = "encoder" if mode == "w" else "decoder"
        raise TokenBenchError(
            f"FFmpeg's {verb} {name} is not in this build of PyAV; install the 'av' wheel from the package registry"
        ) from error
    return cast(VideoCodecContext, context)
