"""Formats of stored videos, by name."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.media.colour import rgb_frame
from tokenbench.media.stored import STORAGES, stored_as, stored_suffix
from tokenbench.media.video import probe_video, read_chunks
from tokenbench.media.writer import FrameWriter

Frames = NDArray[np.uint8]


def write(path: Path, name: str, frames: Frames) -> Path:
    height, width = frames.shape[1:3]
    with FrameWriter(path, height, width, Fraction(30000, 1001), stored_as(name), threads=1) as writer:
        for image in frames:
            writer.write_frame(rgb_frame(image))
    return path


@pytest.mark.parametrize(("name", "suffix"), [("lossless", ".mkv"), ("h264", ".mp4"), ("h264-crf17", ".mp4")])
def test_a_name_tells_the_suffix(name: str, suffix: str) -> None:
    assert stored_suffix(name) == suffix


def test_mediapys_rule_depends_on_the_area() -> None:
    stored = stored_as("h264")
    assert stored.options_of(480, 640)["qp"] == "20"
    assert stored.options_of(481, 640)["qp"] == "28"
    assert (stored.pixel_format_of(480, 640), stored.pixel_format_of(480, 641)) == ("yuv420p", "yuv444p")
    assert stored_as("h264-qp28").options_of(48, 64) == {"preset": "medium", "qp": "28"}
    assert stored_as("h264-crf7").options_of(4800, 6400) == {"preset": "medium", "crf": "7", "rc-lookahead": "20"}


@pytest.mark.parametrize("name", ["", "h265", "h264-qp", "h264-qp52", "h264-qp\u0661", "h264-crf17\n", "FFV1"])
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(
        TokenBenchError, match=r"unknown storage .*: choose one of lossless, h264, h264-qp<N>"
    ) as caught:
        stored_as(name)
    assert "\n" not in str(caught.value)


def test_every_known_name_can_be_written_and_read(carphone: Frames, tmp_path: Path) -> None:
    for name in STORAGES:
        path = write(tmp_path / "clip", name.replace("<N>", "23"), carphone[:5])
        back = np.concatenate(list(read_chunks(path, 8)))
        error = np.mean((back.astype(float) - carphone[:5]) ** 2)
        assert error == 0 if name == "lossless" else 0 < error < 80, name
        assert probe_video(path).fps == pytest.approx(30000 / 1001)


def test_a_file_says_nothing_of_when_and_by_which_version_it_was_written(carphone: Frames, tmp_path: Path) -> None:
    for name in ("lossless", "h264"):
        first, again = (write(tmp_path / file, name, carphone[:5]).read_bytes() for file in ("a", "b"))
        assert first == again
        assert b"Lavf6" not in first


def test_a_constant_quality_is_what_the_encoder_was_told(carphone: Frames, tmp_path: Path) -> None:
    """The encoder notes its settings in its first packet."""
    assert b"rc=cqp mbtree=0 qp=33" in write(tmp_path / "qp", "h264-qp33", carphone[:3]).read_bytes()
    crf = write(tmp_path / "crf", "h264-crf9", carphone[:3]).read_bytes()
    assert b" rc_lookahead=20 rc=crf mbtree=1 crf=9.0" in crf
    assert b" threads=1 " in crf
