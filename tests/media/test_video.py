from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.video import probe_video, read_chunks, read_frames

DATA = Path(__file__).parents[3] / "shared" / "data" / "clips"

Frames = NDArray[np.uint8]


def decoded(path: Path, size: int = 16, **options: Any) -> Frames:
    return np.concatenate(list(read_chunks(path, size, **options)))


def assert_as_ffmpeg(path: Path, ffmpeg: Any) -> Frames:
    info = probe_video(path)
    frames = decoded(path)
    assert frames.shape[1:] == (info.height, info.width, 3)
    assert np.array_equal(frames, ffmpeg.rgb24(path, info.height, info.width))
    return frames


@pytest.mark.parametrize("size", [(64, 96), (63, 95)])
@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuv420p10le", "yuv444p10le", "gray", "gbrp"]
)
def test_colour_is_ffmpegs_bit_for_bit(
    pixel_format: str, size: tuple[int, int], carphone: Frames, ffmpeg: Any, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "source.mkv", carphone[:2, : size[0], : size[1]])
    for number, (matrix, value_range) in enumerate(
        itertools.product(["unspecified", "bt709", "smpte170m", "bt2020nc"], ["unspecified", "tv", "pc"])
    ):
        path = tmp_path / f"{number}.mkv"
        tags = [] if matrix == "unspecified" else ["-colorspace", matrix]
        tags += [] if value_range == "unspecified" else ["-color_range", value_range]
        ffmpeg.make("-i", source, "-pix_fmt", pixel_format, *tags, "-c:v", "ffv1", path)
        assert_as_ffmpeg(path, ffmpeg)


@pytest.mark.parametrize("flip", [(), ("-display_hflip",), ("-display_vflip",)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_and_mirroring_are_applied(
    degrees: int, flip: tuple[str, ...], mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    path = tmp_path / "turned.mp4"
    source = mini["carphone"].path
    ffmpeg.make("-display_rotation", degrees, *flip, "-i", source, "-c", "copy", "-frames:v", 2, path)
    frames = assert_as_ffmpeg(path, ffmpeg)
    assert frames.shape[1:3] == ((176, 144) if degrees % 180 else (144, 176))
    if degrees or flip:
        upright = decoded(source, frames=2)
        assert frames.shape != upright.shape or not np.array_equal(frames, upright)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", ["-c:v", "libx264", "-bf", "3", "-b_strategy", "0"]),
        ("webm", ["-c:v", "libvpx-vp9", "-b:v", "200k"]),
        ("mpg", ["-c:v", "mpeg2video", "-bf", "2"]),
        ("mov", ["-c:v", "mjpeg", "-q:v", "4"]),
    ],
)
def test_frames_come_in_the_order_of_showing(
    suffix: str, options: list[str], mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    path = tmp_path / f"clip.{suffix}"
    ffmpeg.make("-i", mini["carphone"].path, "-frames:v", 30, *options, path)
    assert len(assert_as_ffmpeg(path, ffmpeg)) == 30


def test_frames_of_a_variable_rate_come_once_each(mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "variable.mp4"
    drop = "select='not(mod(n\\,2))+lt(n\\,10)'"
    ffmpeg.make("-i", mini["carphone"].path, "-frames:v", 24, "-vf", drop, "-fps_mode", "vfr", path)
    assert_as_ffmpeg(path, ffmpeg)


def test_a_clip_cut_by_an_edit_list_is_shown_as_ffmpeg_shows_it(
    mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp4"
    ffmpeg.make("-ss", 1.5, "-i", mini["bikes"].path, "-t", 1, "-c", "copy", path)
    assert_as_ffmpeg(path, ffmpeg)


@pytest.mark.parametrize("name", ["bikes", "carphone"])
def test_chunk_length_changes_nothing_and_bounds_memory(name: str, mini: dict[str, Clip]) -> None:
    path = mini[name].path
    whole = decoded(path, 1000)
    assert len(whole) == mini[name].frames
    for size in (1, 7, 64):
        chunks = list(read_chunks(path, size))
        assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
        assert np.array_equal(np.concatenate(chunks), whole)
    assert np.array_equal(decoded(path, 8, frames=19), whole[:19])


def test_no_frame_outlives_its_use(mini: dict[str, Clip]) -> None:
    alive: list[weakref.ref[Frames]] = []
    for frame in read_frames(mini["carphone"].path):
        alive.append(weakref.ref(frame))
    del frame
    assert len(alive) == 120
    assert sum(reference() is not None for reference in alive) == 0


@pytest.fixture
def h264(mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> Path:
    """A short mp4 with its index in front, as for streaming."""
    path = tmp_path / "clip.mp4"
    ffmpeg.make("-i", mini["bikes"].path, "-frames:v", 60, "-an", "-movflags", "+faststart", path)
    return path


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def test_a_truncated_mp4_is_refused_wherever_its_index_is(h264: Path, mini: dict[str, Clip], tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"cut short, \d+ bytes where its index needs \d+"):
        decoded(cut(h264, 0.7))
    index_behind = tmp_path / "behind.mp4"
    index_behind.write_bytes(mini["bikes"].path.read_bytes())
    with pytest.raises(ClipError, match="not a readable video"):
        decoded(cut(index_behind, 0.7))


def test_a_truncated_matroska_file_is_refused(h264: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    ffmpeg.make("-i", h264, "-c", "copy", path)
    assert len(decoded(path)) == 60
    with pytest.raises(ClipError, match="cut short, frames end at"):
        decoded(cut(path, 0.7))


def test_damaged_bytes_raise_nothing_but_a_clip_error(h264: Path) -> None:
    content = bytearray(h264.read_bytes())
    generator = np.random.default_rng(0)
    for _ in range(5):
        spoiled = content.copy()
        for at in generator.integers(len(content) // 3, len(content), 200):
            spoiled[at] ^= 0xFF
        h264.write_bytes(spoiled)
        try:
            assert len(decoded(h264)) <= 60
        except ClipError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_frames_that_change_size_are_refused(mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> None:
    parts = []
    for number, size in enumerate(("176x144", "96x64")):
        part = tmp_path / f"{number}.ts"
        ffmpeg.make("-i", mini["carphone"].path, "-frames:v", 6, "-s", size, "-c:v", "libx264", part)
        parts.append(part.read_bytes())
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))
    with pytest.raises(ClipError, match="frame size changes"):
        decoded(path)


def test_what_is_no_video_is_named(ffmpeg: Any, tmp_path: Path) -> None:
    text, empty, sound = (tmp_path / name for name in ("text.mp4", "empty.mp4", "sound.mp4"))
    text.write_text("hello world\n" * 100)
    empty.touch()
    ffmpeg.make("-f", "lavfi", "-i", "sine=duration=0.2", sound)
    for path, message in (
        (text, "not a readable video"),
        (empty, "the file is empty"),
        (sound, "holds no video stream"),
        (tmp_path / "missing.mp4", "no such file"),
    ):
        with pytest.raises(ClipError, match=message):
            probe_video(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs another user to be forbidden something")
def test_a_file_that_may_not_be_read_is_named(h264: Path) -> None:
    h264.chmod(0)
    code = f"""
    import os
    from tokenbench.errors import ClipError
    from tokenbench.media.video import probe_video
    from pathlib import Path
    import av.error
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)
    try:
        probe_video(Path("{h264.name}"))
    except ClipError as error:
        print(error)
    """
    h264.parent.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=h264.parent, capture_output=True, text=True, check=True
    )
    assert "permission denied; make the file readable" in run.stdout


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of development clips is not here")
def test_healthy_clips_of_many_sources_are_read_as_ffmpeg_reads_them(ffmpeg: Any) -> None:
    paths = [path for path in sorted(DATA.iterdir()) if path.stat().st_size < 600_000]
    assert paths
    for path in paths:
        assert_as_ffmpeg(path, ffmpeg)


def test_lossless_files_give_back_the_same_bits(carphone: Frames, tmp_path: Path) -> None:
    for frames in (carphone, carphone[:3, :67, :93], carphone[:1]):
        path = write_video(tmp_path / "clip.mkv", frames)
        assert np.array_equal(decoded(path), frames)
        assert probe_video(path).fps == pytest.approx(25, rel=0.01) or len(frames) == 1
    assert os.listdir(tmp_path) == ["clip.mkv"]
