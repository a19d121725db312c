"""One video prepared for a benchmark: cut, turned, filled up, resized and stored, in one pass over its frames."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from tokenbench.datasets.building.opened import OpenedClip, open_clip
from tokenbench.datasets.building.preparation import Preparation, is_resized, prepared_rate, prepared_size
from tokenbench.errors import ClipError
from tokenbench.files import whole_file
from tokenbench.media.clip import Clip
from tokenbench.media.orientation import Matrix, display_matrix, swaps_sides, turn_of
from tokenbench.media.reshape import Shape, is_rgb, nearest_plain_format, reshaper
from tokenbench.media.stored import stored_as
from tokenbench.media.video import naming
from tokenbench.media.writer import FrameWriter

# A worker's share of the processors: the pool of workers takes the others.
_THREADS = 1


@dataclass(frozen=True, kw_only=True)
class SourceVideo:
    """The video as it came.

    Args:
        coded_height, coded_width: of its frames before they are turned.
        shown_height, shown_width: after it.
        rotation: clockwise degrees that a player turns it by.
        mirrored: whether left and right are swapped before that.
        sample_aspect_ratio: "1/1" for square pixels, "0" where it states none. It is not applied.
        base_rate: that the ffmpeg command fills it up to, as a fraction.
        average_rate: of the whole file, as a fraction.
        frames_read: frames that were decoded for the prepared ones.
        pixel_format: FFmpeg's name.
        color_matrix, color_primaries, color_transfer: code points of ITU-T H.273, 2 where it states none.
        color_range: 1 is limited, 2 full, 0 where it states none.
    """

    coded_height: int
    coded_width: int
    shown_height: int
    shown_width: int
    rotation: int
    mirrored: bool
    sample_aspect_ratio: str
    base_rate: str
    average_rate: str
    frames_read: int
    pixel_format: str
    color_matrix: int
    color_primaries: int
    color_transfer: int
    color_range: int


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The prepared video, and what it was made of.

    Args:
        frames: that it has.
        fps: its rate.
        rate: the same as a fraction.
        height, width: of its frames.
        pixel_format: of the prepared frames, before encoding; "rgb24", or the source's nearest 8-bit format.
        frames_sha256: over the frames in that format, plane by plane, without padding; repeated ones each time.
        storage: its name, as the preparation has it.
        codec: the encoder, the pixel format in the file, and the encoder's options.
        video: that it was made of.
    """

    frames: int
    fps: float
    rate: str
    height: int
    width: int
    pixel_format: str
    frames_sha256: str
    storage: str
    codec: Mapping[str, str]
    video: SourceVideo


def prepare_video(
    clip: Clip, preparation: Preparation, out: Path, on_frames: Callable[[int], None] | None = None
) -> Prepared:
    """Write the prepared video, whole or not at all, with the same bytes in every run.

    Nothing is read behind the last frame that is kept. A file that is shorter than its own index says is refused all
    the same, as everywhere else: it is a broken copy. Damage behind the last frame is not noticed.

    Args:
        clip: a video file, a cut of one, a video in an archive, or a folder of images of a known rate.
        preparation: what is done to it.
        out: path of the new file, with the suffix of the storage (`tokenbench.media.stored.stored_suffix`).
        on_frames: is told of each frame that was written, by the number of new ones.

    Raises:
        ClipError: the clip is damaged, cut short, holds no video, or its frames change size.
        OutputError: the file cannot be written.
    """
    # PyAV leaves a frame that was asked for its side data in a reference cycle: one of 12 MB for each clip of 4K.
    gc.collect()
    stored, digest, count = stored_as(preparation.storage), hashlib.sha256(), 0
    with open_clip(clip, preparation, _THREADS) as source:
        shape = _shape(clip, source.first, preparation)
        rate = prepared_rate(preparation, source.average, source.base)
        size = shape.height, shape.width
        with (
            whole_file(out) as temporary,
            FrameWriter(temporary, *size, rate, stored, pixel_format=shape.pixel_format, threads=_THREADS) as writer,
        ):
            for frame in _reshaped(clip, source, shape):
                _update(digest, frame)
                with naming(clip.content):
                    writer.write_frame(frame)
                count += 1
                if on_frames is not None:
                    on_frames(1)
        return Prepared(
            frames=count,
            fps=float(rate),
            rate=str(rate),
            height=shape.height,
            width=shape.width,
            pixel_format=shape.pixel_format,
            frames_sha256=digest.hexdigest(),
            storage=preparation.storage,
            codec={"encoder": stored.encoder, "pixel_format": writer.pixel_format, **writer.options},
            video=_described(source, shape.matrix),
        )


def _shape(clip: Clip, frame: VideoFrame, preparation: Preparation) -> Shape:
    with naming(clip.content):
        matrix = display_matrix(frame)
        shown = _shown(frame, matrix)
        height, width = prepared_size(preparation, *shown)
    stored = stored_as(preparation.storage)
    if preparation.colour == "rgb" or is_rgb(frame.format):
        # swscale would resize RGB by way of a YUV format.
        pixel_format = "rgb24"
    elif stored.keeps_pixel_format:
        pixel_format = nearest_plain_format(frame.format, turned=swaps_sides(matrix))
    else:
        pixel_format = stored.pixel_format_of(height, width)
    resized = is_resized(preparation, *shown)
    return Shape(matrix=matrix, height=height, width=width, resized=resized, pixel_format=pixel_format)


def _reshaped(clip: Clip, source: OpenedClip, shape: Shape) -> Iterator[VideoFrame]:
    """Every frame in its new shape; one that is repeated is made once."""
    first, previous = source.first, None
    work = reshaper(shape)
    for frame in source.frames:
        if frame is not previous:
            if (frame.height, frame.width) != (first.height, first.width):
                raise ClipError(
                    f"{clip.content}: the frame size changes from {first.width} x {first.height} to "
                    f"{frame.width} x {frame.height}; re-encode the file"
                )
            with naming(clip.content):
                made = work.reshaped(frame)
            previous = frame
        yield made


def _update(digest: Any, frame: VideoFrame) -> None:
    for plane in frame.planes:
        bytes_ = plane.width * (3 if frame.format.name == "rgb24" else 1)
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, :bytes_]
        digest.update(np.ascontiguousarray(rows))


def _shown(frame: VideoFrame, matrix: Matrix | None) -> tuple[int, int]:
    return (frame.width, frame.height) if swaps_sides(matrix) else (frame.height, frame.width)


def _described(source: OpenedClip, matrix: Matrix | None) -> SourceVideo:
    frame = source.first
    height, width = _shown(frame, matrix)
    rotation, mirrored = turn_of(matrix)
    return SourceVideo(
        coded_height=frame.height,
        coded_width=frame.width,
        shown_height=height,
        shown_width=width,
        rotation=rotation,
        mirrored=mirrored,
        sample_aspect_ratio=str(source.aspect),
        base_rate=str(source.base),
        average_rate=str(source.average),
        frames_read=source.read.count,
        pixel_format=frame.format.name,
        color_matrix=int(frame.colorspace),
        color_primaries=int(frame.color_primaries),
        color_transfer=int(frame.color_trc),
        color_range=int(frame.color_range),
    )
