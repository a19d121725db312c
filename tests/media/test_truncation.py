"""Files cut short are refused; healthy ones that look like them are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.video import probe_video, read_frames

SHARES = (0.25, 0.5, 0.8, 0.97)


@pytest.fixture
def source(mini: dict[str, Clip]) -> Path:
    return mini["carphone"].path


def frames_of(path: Path) -> int:
    return sum(1 for _ in read_frames(path))


def refusal(path: Path, share: float | None = None) -> str:
    """What is said of the first `share` of a file, or of all but its last byte."""
    content = path.read_bytes()
    cut = path.with_name(f"cut{path.suffix}")
    cut.write_bytes(content[:-1] if share is None else content[: int(len(content) * share)])
    with pytest.raises(ClipError) as error:
        frames_of(cut)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("fragments", [[], ["-movflags", "frag_keyframe+empty_moov", "-g", "10"]])
def test_an_mp4_with_its_index_in_front(fragments: list[str], source: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    ffmpeg.make("-i", source, "-frames:v", 60, *(fragments or ["-movflags", "+faststart"]), path)
    assert frames_of(path) == 60
    for share in SHARES:
        assert "cut short" in refusal(path, share)
    if not fragments:
        assert "cut short" in refusal(path)


def test_a_long_fragmented_file_that_ends_between_two_packets(
    mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    path, cut = tmp_path / "clip.mov", tmp_path / "cut.mov"
    raw = ["-c:v", "rawvideo", "-pix_fmt", "uyvy422", "-frames:v", 40]
    ffmpeg.make("-i", mini["bikes"].path, *raw, "-movflags", "empty_moov", "-frag_duration", 400_000, path)
    with av.open(path) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    cut.write_bytes(path.read_bytes()[: ends[35]])
    with pytest.raises(ClipError, match="cut short"):
        probe_video(cut)


def test_an_mp4_with_its_index_at_the_end(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(source.read_bytes())
    for share in SHARES:
        assert "not a readable video" in refusal(path, share)


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_matroska_down_to_the_last_byte(suffix: str, source: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    codec = ["-c:v", "libvpx", "-b:v", "200k"] if suffix == "webm" else ["-c", "copy"]
    ffmpeg.make("-i", source, "-frames:v", 30, *codec, path)
    assert frames_of(path) == 30
    for share in (*SHARES, None):
        assert "cut short" in refusal(path, share)
    with pytest.raises(ClipError, match="cut short"):
        probe_video(path.with_name(f"cut.{suffix}"))


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "mpeg4"), ("flv", "flv1")])
def test_a_last_packet_that_lacks_bytes(suffix: str, codec: str, source: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    ffmpeg.make("-i", source, "-frames:v", 30, "-c:v", codec, path)
    assert frames_of(path) == 30
    for share in SHARES[:3]:
        assert "cut short" in refusal(path, share)


def test_a_live_recording_of_unknown_length_is_whole(source: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "live.mkv"
    ffmpeg.make("-i", source, "-frames:v", 30, "-c", "copy", "-live", 1, path)
    assert b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" in path.read_bytes()[:200]
    assert frames_of(path) == 30


def test_a_last_frame_that_is_held_for_long_is_no_cut(source: Path, ffmpeg: Any, tmp_path: Path) -> None:
    gif, path = tmp_path / "held.gif", tmp_path / "held.mkv"
    ffmpeg.make("-i", source, "-frames:v", 4, "-final_delay", 500, gif)
    ffmpeg.make("-i", gif, "-c", "copy", path)
    assert frames_of(gif) == frames_of(path) == 4


def test_streams_joined_one_behind_the_other_are_whole(source: Path, ffmpeg: Any, tmp_path: Path) -> None:
    part, joined = tmp_path / "part.ts", tmp_path / "joined.ts"
    ffmpeg.make("-i", source, "-frames:v", 12, "-c:v", "libx264", part)
    joined.write_bytes(2 * part.read_bytes())
    frames = np.stack(list(read_frames(joined)))
    assert np.array_equal(frames, ffmpeg.rgb24(joined, 144, 176))
    assert len(frames) == 24


def test_bytes_behind_the_end_do_no_harm(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "longer.mp4"
    path.write_bytes(source.read_bytes() + b"\0" * 1000)
    assert frames_of(path) == 120
