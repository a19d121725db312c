from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.datasets.folder import VIDEO_SUFFIXES
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


@pytest.fixture(scope="module")
def upright(mini: dict[str, Clip], ffmpeg: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two packets of a real H.264 clip."""
    path = tmp_path_factory.mktemp("upright") / "clip.mp4"
    ffmpeg.make("-i", mini["carphone"].path, "-c", "copy", "-frames:v", 2, path)
    return path


@pytest.mark.parametrize("flip", [(), ("-display_hflip",), ("-display_vflip",), ("-display_hflip", "-display_vflip")])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_and_mirroring_are_applied(
    degrees: int, flip: tuple[str, ...], upright: Path, ffmpeg: Any, tmp_path: Path
) -> None:
    path = tmp_path / "turned.mp4"
    ffmpeg.make("-display_rotation", degrees, *flip, "-i", upright, "-c", "copy", path)
    frames = assert_as_ffmpeg(path, ffmpeg)
    turned = np.rot90(decoded(upright), degrees // 90, axes=(1, 2))
    turned = turned[:, :, ::-1] if "-display_hflip" in flip else turned
    turned = turned[:, ::-1] if "-display_vflip" in flip else turned
    assert np.array_equal(frames, turned)


@pytest.mark.parametrize("turn", [("90",), ("180",), ("270", "-display_hflip")])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p"])
def test_pictures_are_turned_before_their_chroma_is_interpolated_where_ffmpeg_does_so(
    pixel_format: str, turn: tuple[str, ...], mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    flat, path = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    ffmpeg.make("-i", mini["carphone"].path, "-frames:v", 2, "-c:v", "libx264", "-pix_fmt", pixel_format, flat)
    ffmpeg.make("-display_rotation", *turn, "-i", flat, "-c", "copy", path)
    assert_as_ffmpeg(path, ffmpeg)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mpg", "flv"])
def test_a_cut_has_the_frames_that_the_whole_video_has_there(suffix: str, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / f"whole.{suffix}"
    source = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2")
    encoder = "mpeg2video" if suffix == "mpg" else "libx264"
    ffmpeg.make(*source, "-c:v", encoder, "-pix_fmt", "yuv420p", "-g", 12, "-bf", 2, path)
    whole = decoded(path)
    assert np.array_equal(decoded(path, start=0.6, end=1.2), whole[15:30])
    assert np.array_equal(decoded(path, start=1.88), whole[47:])


def test_less_than_a_degree_off_a_quarter_turn_is_one(upright: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    ffmpeg.make("-display_rotation", 90.4, "-i", upright, "-c", "copy", path)
    assert assert_as_ffmpeg(path, ffmpeg).shape == (2, 176, 144, 3)


def test_any_other_turn_is_refused_with_the_files_name(upright: Path, ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / "askew.mp4"
    ffmpeg.make("-display_rotation", 45, "-i", upright, "-c", "copy", path)
    for read in (probe_video, decoded):
        with pytest.raises(ClipError, match=r"askew\.mp4: its display matrix .* is no quarter turn"):
            read(path)


def test_a_display_matrix_of_zeros_turns_nothing(upright: Path, tmp_path: Path) -> None:
    path = tmp_path / "zeros.mp4"
    one, w = (1 << 16).to_bytes(4, "big"), (1 << 30).to_bytes(4, "big")
    content = upright.read_bytes()
    at = content.index(one + bytes(12) + one + bytes(12) + w, content.index(b"tkhd"))
    path.write_bytes(content[:at] + bytes(36) + content[at + 36 :])
    assert np.array_equal(decoded(path), decoded(upright))


def test_the_left_edge_is_cropped_to_the_pixel(mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> None:
    """Older ffmpeg versions crop it to the next multiple of the memory's alignment."""
    whole, cropped = tmp_path / "whole.mp4", tmp_path / "cropped.mp4"
    lossless = ["-frames:v", 2, "-pix_fmt", "yuv444p", "-c:v", "libx264", "-qp", 0]
    ffmpeg.make("-i", mini["carphone"].path, *lossless, whole)
    ffmpeg.make("-i", whole, *lossless, "-x264-params", "crop-rect=3,4,6,8", cropped)
    assert np.array_equal(decoded(cropped), decoded(whole)[:, 4:-8, 3:-6])
    assert probe_video(cropped).width == 176 - 9


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


def test_videos_of_every_suffix_are_read_as_ffmpeg_reads_them(
    mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path
) -> None:
    paths = [tmp_path / f"clip{suffix}" for suffix in sorted(VIDEO_SUFFIXES)]
    outputs = [argument for path in paths for argument in ("-frames:v", 3, path)]
    ffmpeg.make("-i", mini["carphone"].path, *outputs)
    for path, expected in zip(paths, ffmpeg.rgb24_of(paths, 144, 176), strict=True):
        assert np.array_equal(decoded(path), expected), path.suffix
        assert len(expected) == 3


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
    assert list(read_chunks(path, 8, frames=0)) == []


def test_no_frame_outlives_its_use(mini: dict[str, Clip]) -> None:
    alive: list[weakref.ref[Frames]] = []
    for frame in read_frames(mini["carphone"].path):
        alive.append(weakref.ref(frame))
    del frame
    assert len(alive) == 120
    assert sum(reference() is not None for reference in alive) == 0


def test_memory_holds_a_few_chunks_of_a_clip_and_no_more(mini: dict[str, Clip]) -> None:
    clip = mini["bikes"]
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in read_chunks(clip.path, 5)) == 250
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    chunk = 5 * clip.height * clip.width * 3
    assert chunk < peak < 3.5 * chunk


@pytest.fixture
def h264(mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> Path:
    """A short mp4 with its index in front, as for streaming."""
    path = tmp_path / "clip.mp4"
    ffmpeg.make("-i", mini["bikes"].path, "-frames:v", 60, "-an", "-movflags", "+faststart", path)
    return path


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


def test_what_is_no_video_is_named(mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> None:
    names = ("text.mp4", "empty.mp4", "sound.mp4", "cover.mp4", "header.y4m", "alien.mp4")
    text, empty, sound, cover, header, alien = (tmp_path / name for name in names)
    text.write_text("hello world\n" * 100)
    empty.touch()
    ffmpeg.make("-f", "lavfi", "-i", "sine=duration=0.2", sound)
    picture = ["-i", mini["astronaut"].path, "-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg.make("-i", sound, *picture, cover)
    header.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 C420jpeg\n")
    alien.write_bytes(mini["carphone"].path.read_bytes().replace(b"avc1", b"zzzz"))
    for path, message in (
        (text, "not a readable video"),
        (empty, "the file is empty"),
        (sound, "holds no video stream"),
        (cover, "holds no video stream"),
        (header, "holds no video frame"),
        (alien, "no decoder for its video"),
        (tmp_path / "missing.mp4", "no such file"),
    ):
        for read in (probe_video, decoded):
            with pytest.raises(ClipError, match=message):
                read(path)


@pytest.mark.parametrize("name", ["take:2.mp4", "%03d.mp4", "- ünï çödé.mp4"])
def test_a_file_may_have_any_name(
    name: str, mini: dict[str, Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(mini["carphone"].path.read_bytes())
    assert probe_video(Path(name)).frames == 120
    assert np.array_equal(
        decoded(write_video(Path(f"{name}.mkv"), decoded(Path(name), frames=2))), decoded(Path(name), frames=2)
    )


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_a_title_may_be_in_any_encoding(suffix: str, mini: dict[str, Clip], ffmpeg: Any, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    ffmpeg.make("-i", mini["carphone"].path, "-frames:v", 3, "-c", "copy", "-metadata", "title=Caf#", path)
    path.write_bytes(path.read_bytes().replace(b"Caf#", b"Caf\xe9"))
    assert_as_ffmpeg(path, ffmpeg)


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
