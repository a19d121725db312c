"""Colour conversion against ffmpeg's own, bit for bit."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.colour import ColourConverter, through_pixel_format
from tokenbench.media.video import read_chunks

Frames = NDArray[np.uint8]

SIZES = [(64, 96), (63, 95)]
MATRICES = ["unspecified", "bt709", "smpte170m", "bt2020nc"]
RANGES = ["unspecified", "tv", "pc"]


def assert_all_as_ffmpeg(paths: list[Path], size: tuple[int, int], ffmpeg: Any) -> list[Frames]:
    decoded = [np.concatenate(list(read_chunks(path, 8))) for path in paths]
    for path, ours, theirs in zip(paths, decoded, ffmpeg.rgb24_of(paths, *size), strict=True):
        assert np.array_equal(ours, theirs), path.name
    return decoded


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuv420p10le", "yuv444p10le", "gray", "gbrp"]
)
def test_every_format_matrix_and_range_is_ffmpegs(
    pixel_format: str, size: tuple[int, int], carphone: Frames, ffmpeg: Any, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "source.mkv", carphone[:2, : size[0], : size[1]])
    outputs: dict[Path, list[str]] = {}
    for matrix, value_range in itertools.product(MATRICES, RANGES):
        tags = [] if matrix == "unspecified" else ["-colorspace", matrix]
        tags += [] if value_range == "unspecified" else ["-color_range", value_range]
        path = tmp_path / f"{matrix}-{value_range}.mkv"
        outputs[path] = ["-pix_fmt", pixel_format, *tags, "-c:v", "ffv1"]
    ffmpeg.make("-i", source, *(argument for path, options in outputs.items() for argument in (*options, path)))
    decoded = assert_all_as_ffmpeg(list(outputs), size, ffmpeg)
    assert np.abs(decoded[0].astype(int) - carphone[:2, : size[0], : size[1]]).mean() < 3 or pixel_format == "gray"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv420p10le"])
def test_chroma_location_and_interlacing_change_nothing_as_in_ffmpeg(
    pixel_format: str, size: tuple[int, int], carphone: Frames, ffmpeg: Any, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "source.mkv", carphone[:1, : size[0], : size[1]])
    outputs: dict[Path, list[str]] = {}
    for location, field in itertools.product(["unspecified", "left", "center", "topleft"], ["prog", "tff"]):
        tags = f"format={pixel_format},setparams=field_mode={field}:chroma_location={location}"
        path = tmp_path / f"{location}-{field}.mkv"
        outputs[path] = ["-vf", tags, "-chroma_sample_location", location, "-c:v", "ffv1"]
    ffmpeg.make("-i", source, *(argument for path, options in outputs.items() for argument in (*options, path)))
    first, *others = assert_all_as_ffmpeg(list(outputs), size, ffmpeg)
    assert all(np.array_equal(other, first) for other in others)


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "libx265"), ("mp4", "libx264"), ("webm", "libvpx-vp9")])
def test_ten_bit_clips_of_real_codecs_are_read_as_ffmpeg_reads_them(
    suffix: str, codec: str, mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    path = tmp_path / f"clip.{suffix}"
    ffmpeg.make("-i", mini["carphone"].path, "-frames:v", 4, "-pix_fmt", "yuv420p10le", "-c:v", codec, path)
    assert_all_as_ffmpeg([path], (144, 176), ffmpeg)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("size", SIZES)
def test_rgb_becomes_what_ffmpeg_makes_of_it_and_back(
    pixel_format: str, size: tuple[int, int], carphone: Frames
) -> None:
    frames = carphone[:2, : size[0], : size[1]]
    shape = f"{size[1]}x{size[0]}"
    there = _piped(frames.tobytes(), "rgb24", pixel_format, shape)
    converted = ColourConverter().from_rgb(frames[0], pixel_format)
    assert there.startswith(_planes(converted))
    back = np.frombuffer(_piped(there, pixel_format, "rgb24", shape), np.uint8).reshape(frames.shape)
    assert np.array_equal(through_pixel_format(frames, pixel_format), back)


def test_converting_no_frames_gives_none() -> None:
    assert through_pixel_format(np.zeros((0, 4, 6, 3), np.uint8), "yuv420p").shape == (0, 4, 6, 3)


def test_a_matrix_that_cannot_be_converted_is_named_with_its_file(
    mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    """YCgCo: older converters take it for BT.601, and show wrong colours."""
    path = tmp_path / "ycgco.mp4"
    ffmpeg.make("-i", mini["bikes"].path, "-c", "copy", "-bsf:v", "h264_metadata=matrix_coefficients=8", path)
    with pytest.raises(ClipError, match=r"ycgco\.mp4: its colours \(yuv420p, matrix 8.* cannot be converted to rgb24"):
        next(read_chunks(path, 1))


def _piped(data: bytes, source: str, target: str, shape: str) -> bytes:
    raw = ["-f", "rawvideo", "-pix_fmt"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *raw, source, "-s", shape, "-i", "-", *raw, target, "-"]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def _planes(frame: Any) -> bytes:
    """The samples of a planar frame, without the padding of its lines."""
    bytes_per_sample = 2 if "10" in frame.format.name else 1
    return b"".join(
        np.frombuffer(plane, np.uint8)
        .reshape(-1, plane.line_size)[: plane.height, : plane.width * bytes_per_sample]
        .copy()
        .tobytes()
        for plane in frame.planes
    )
