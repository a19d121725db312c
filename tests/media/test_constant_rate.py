"""Filling up to a constant rate, beside the ffmpeg command itself."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.media.clip import Clip
from tokenbench.media.colour import ColourConverter
from tokenbench.media.constant_rate import base_rate, constant_rate, start_of_file
from tokenbench.media.video import decoded, open_video

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
DROP_TWO_OF_FORTY = "select='not(between(mod(n,40),10,11))'"


def make(ffmpeg: Any, path: Path, rate: str, filters: str, *options: object, seconds: float = 2.0) -> Path:
    source = ["-f", "lavfi", "-i", f"testsrc2=size=64x48:rate={rate}:duration={seconds}"]
    ffmpeg.make(*source, "-vf", filters, "-fps_mode", "vfr", *(options or H264), path)
    return path


def as_the_command_does(path: Path) -> NDArray[np.uint8]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", f"file:{path}", "-f", "rawvideo"]
    raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 48, 64, 3)


def filled_up(path: Path) -> NDArray[np.uint8]:
    colour = ColourConverter()
    with open_video(path) as video:
        origin = start_of_file(video.container, video.stream)
        frames = constant_rate(decoded(video), base_rate(video.stream), origin)
        return np.stack([colour.to_rgb(frame) for frame in frames])


def test_a_variable_rate_is_filled_up_frame_for_frame_as_the_command_does_it(ffmpeg: Any, tmp_path: Path) -> None:
    path = make(ffmpeg, tmp_path / "drive.mov", "30000/995", DROP_TWO_OF_FORTY, seconds=4)
    with open_video(path) as video:
        assert sum(1 for _ in decoded(video)) == 115
        assert float(video.stream.average_rate or 0) == pytest.approx(28.66, abs=0.005)
    frames = filled_up(path)
    assert len(frames) == 121
    assert np.array_equal(frames, as_the_command_does(path))


@pytest.mark.parametrize(
    ("name", "rate", "filters"),
    [
        ("late.mov", "30", "select='gt(n,9)'"),
        ("jitter.mp4", "25", "setpts='PTS+random(3)*0.9/(FR*TB)'"),
        ("jitter.mkv", "24000/1001", "setpts='PTS+random(4)*1.5/(FR*TB)'"),
        ("halved.mkv", "60", "select='gt(random(5),0.4)'"),
        ("pause.ts", "30000/1001", "select='lt(n,9)+gt(n,31)'"),
        ("slow.flv", "15", "setpts='PTS*1.07'"),
        ("frozen_end.mp4", "25", "select='lt(n,30)+eq(n,40)+eq(n,45)+eq(n,49)'"),
    ],
)
def test_every_kind_of_irregular_rate_comes_out_as_the_command_gives_it(
    name: str, rate: str, filters: str, ffmpeg: Any, tmp_path: Path
) -> None:
    path = make(ffmpeg, tmp_path / name, rate, filters, *H264, "-bf", 2, "-enc_time_base", "1:90000")
    assert np.array_equal(filled_up(path), as_the_command_does(path))


def test_pictures_that_begin_after_the_sound_are_preceded_by_the_first(ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    pictures = ["-itsoffset", 0.37, "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=1"]
    ffmpeg.make(*pictures, "-f", "lavfi", "-i", "sine=duration=1.5", *H264, path)
    frames = filled_up(path)
    assert np.array_equal(frames, as_the_command_does(path))
    assert len(frames) == 41
    assert np.array_equal(frames[0], frames[10])


def test_a_constant_rate_stays_as_it_is_and_repetitions_are_the_same_object(
    mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    with open_video(mini["carphone"].path) as video:
        frames = list(constant_rate(decoded(video), base_rate(video.stream)))
    assert len(frames) == len({id(frame) for frame in frames}) == 120
    with open_video(make(ffmpeg, tmp_path / "drive.mov", "30", DROP_TWO_OF_FORTY)) as video:
        frames = list(constant_rate(decoded(video), base_rate(video.stream)))
    assert sum(one is other for one, other in pairwise(frames)) == 4
