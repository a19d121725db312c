"""Preparing videos, beside the ffmpeg command and Pillow."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests_support import write_video

from tokenbench.datasets.building.preparation import Preparation
from tokenbench.datasets.building.video import Prepared, prepare_video
from tokenbench.errors import ClipError, OutputError
from tokenbench.media.clip import Clip
from tokenbench.media.stored import stored_suffix
from tokenbench.media.video import decoded, open_video, probe_video, read_chunks

Frames = NDArray[np.uint8]

SCRIPT = Preparation(
    cut_by="frames", at_least_frames=300, fill_up=True, rounded_rate=True, even=False, colour="rgb", storage="h264"
)
NATIVE = Preparation()

# Swscale's flags of the filters, for the command.
SCALER = "lanczos+accurate_rnd+bitexact"


def ffmpeg(*arguments: object) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def make(path: Path, *options: object, size: str = "96x64", rate: object = 25, seconds: float = 0.4) -> Path:
    """A test picture without symmetry."""
    source = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, *(options or ("-c:v", "libx264", "-pix_fmt", "yuv420p")), path)
    return path


def clip_of(path: Path, **fields: Any) -> Clip:
    return Clip(id="clip", domain="test", path=path, kind="video", **fields)


def prepared(clip: Path | Clip, preparation: Preparation, folder: Path) -> tuple[Prepared, Path]:
    clip = clip_of(clip) if isinstance(clip, Path) else clip
    out = folder / f"prepared{stored_suffix(preparation.storage)}"
    return prepare_video(clip, preparation, out), out


def frames_of(path: Path) -> Frames:
    return np.concatenate(list(read_chunks(path, 64)))


def digest_of_file(path: Path) -> str:
    """Of the planes of a file's frames, as they are decoded."""
    digest = hashlib.sha256()
    with open_video(path) as video:
        for frame in decoded(video):
            for plane in frame.planes:
                rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
                digest.update(rows[: plane.height, : plane.width].tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("flip", [(), ("-display_hflip",), ("-display_vflip",)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_and_mirrored_videos_are_stored_upright(degrees: int, flip: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "turned.mov"
    ffmpeg("-display_rotation", degrees, *flip, "-i", make(tmp_path / "clip.mov"), "-c", "copy", path)
    shown = frames_of(path)
    for preparation in (NATIVE, replace(NATIVE, colour="rgb")):
        result, out = prepared(path, preparation, tmp_path)
        assert np.array_equal(frames_of(out), shown)
        assert (result.height, result.width) == shown.shape[1:3]
        assert (result.video.coded_height, result.video.coded_width) == (64, 96)
        with open_video(out) as video:
            assert not next(decoded(video)).rotation
    # The command's angles go against the clock.
    turn = (360 - degrees) % 360
    assert (result.video.rotation, result.video.mirrored) in {
        (): [(turn, False)],
        ("-display_hflip",): [(turn, True), ((360 - turn) % 360, True)],
        ("-display_vflip",): [((turn + 180) % 360, True), ((540 - turn) % 360, True)],
    }[flip]


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_the_sources_own_format_is_resized_as_the_command_does_it(degrees: int, tmp_path: Path) -> None:
    path = tmp_path / "turned.mov"
    ffmpeg("-display_rotation", degrees, "-i", make(tmp_path / "clip.mov"), "-c", "copy", path)
    width, height = (72, 48) if degrees != 90 else (48, 72)
    scale = f"scale={width}:{height}:flags={SCALER}"
    raw = ffmpeg("-i", path, "-vf", scale, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
    result, out = prepared(path, replace(NATIVE, short_side=48), tmp_path)
    assert (result.height, result.width, result.pixel_format) == (height, width, "yuv420p")
    assert result.frames_sha256 == hashlib.sha256(raw).hexdigest() == digest_of_file(out)


def test_the_scripts_way_is_pillow_on_the_commands_rgb_frames(tmp_path: Path) -> None:
    drop = ("-vf", "select='not(between(mod(n,40),10,11))'", "-fps_mode", "vfr", "-pix_fmt", "yuv420p", "-bf", 0)
    path = make(tmp_path / "drive.mov", *drop, rate="30000/995", seconds=4, size="96x54")
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    resized = [
        np.asarray(Image.fromarray(frame).resize((85, 48), Image.Resampling.LANCZOS))
        for frame in np.frombuffer(raw, np.uint8).reshape(-1, 54, 96, 3)
    ]
    result, out = prepared(path, replace(SCRIPT, short_side=48, storage="lossless"), tmp_path)
    assert (result.frames, result.video.frames_read, result.rate) == (121, 115, "1433/50")
    assert np.array_equal(frames_of(out), np.stack(resized))
    assert result.frames_sha256 == hashlib.sha256(np.stack(resized).tobytes()).hexdigest()
    short, _ = prepared(path, replace(SCRIPT, seconds=1, at_least_frames=0, short_side=48), tmp_path)
    assert (short.frames, short.fps, short.width) == (29, 28.66, 85)
    at_least, _ = prepared(path, replace(SCRIPT, seconds=1, at_least_frames=60), tmp_path)
    assert at_least.frames == 60


def test_h264_is_what_the_command_writes_of_rgb_frames(mini: dict[str, Clip], tmp_path: Path) -> None:
    clip = mini["carphone"]
    raw = b"".join(chunk.tobytes() for chunk in clip.chunks(20, frames=20))
    expected = tmp_path / "expected.mp4"
    (tmp_path / "raw").write_bytes(raw)
    size = f"{clip.width}x{clip.height}"
    frames = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "29.97", "-i", tmp_path / "raw"]
    ffmpeg(*frames, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-qp", 20, "-threads", 1, expected)
    preparation = replace(SCRIPT, seconds=20 / 30, at_least_frames=0)
    result, out = prepared(clip, preparation, tmp_path)
    assert result.codec["qp"] == "20"
    assert np.array_equal(frames_of(out), frames_of(expected))
    assert probe_video(out).fps == result.fps


@pytest.mark.parametrize("storage", ["h264", "h264-crf17"])
def test_odd_sizes_are_kept_whole_by_the_script_and_cropped_elsewhere(storage: str, tmp_path: Path) -> None:
    path = make(
        tmp_path / "odd.mp4", "-vf", "format=yuv444p,crop=95:63", "-c:v", "libx264", "-pix_fmt", "yuv444p", "-qp", 0
    )
    whole = frames_of(path)
    odd, out = prepared(path, replace(SCRIPT, storage=storage), tmp_path)
    assert (odd.height, odd.width, odd.codec["pixel_format"]) == (63, 95, "yuv444p")
    assert frames_of(out).shape == whole.shape
    even, out = prepared(path, replace(NATIVE, storage=storage), tmp_path)
    assert (even.height, even.width, even.codec["pixel_format"]) == (62, 94, "yuv420p")
    even, out = prepared(path, NATIVE, tmp_path)
    assert even.pixel_format == "yuv444p"
    assert np.array_equal(frames_of(out), whole[:, :62, :94])


@pytest.mark.parametrize(
    ("pixel_format", "kept"),
    [
        ("yuv420p", "yuv420p"),
        ("yuvj420p", "yuv420p"),
        ("yuv422p", "yuv422p"),
        ("yuv440p", "yuv440p"),
        ("yuv411p", "yuv411p"),
        ("yuv410p", "yuv410p"),
        ("yuva420p", "yuv420p"),
        ("gray", "gray"),
        ("gray10le", "gray"),
        ("yuv420p10le", "yuv420p"),
        ("yuv422p12le", "yuv422p"),
        ("bgr0", "rgb24"),
        ("gbrp10le", "rgb24"),
    ],
)
def test_every_pixel_format_becomes_the_nearest_of_8_bits(pixel_format: str, kept: str, tmp_path: Path) -> None:
    encoder = ("-c:v", "mjpeg", "-q:v", "2") if "j" in pixel_format else ("-c:v", "ffv1")
    path = make(tmp_path / "clip.mkv", "-pix_fmt", pixel_format, *encoder, seconds=0.1)
    shown = frames_of(path).astype(int)
    result, out = prepared(path, NATIVE, tmp_path)
    assert (result.video.pixel_format, result.pixel_format) == (pixel_format, kept)
    if pixel_format.removeprefix("yuvj") in (kept, "420p") or pixel_format in ("yuva420p", "bgr0"):
        assert np.array_equal(frames_of(out), shown)
    assert np.mean(abs(frames_of(out) - shown)) < 4
    if kept != "rgb24":
        assert result.frames_sha256 == digest_of_file(out)
    resized, out = prepared(path, replace(NATIVE, short_side=32), tmp_path)
    assert frames_of(out).shape == (resized.frames, 32, 48, 3)
    turned = tmp_path / "turned.mkv"
    ffmpeg("-display_rotation", 90, "-i", path, "-c", "copy", turned)
    result, out = prepared(turned, NATIVE, tmp_path)
    assert np.mean(abs(frames_of(out) - np.rot90(shown, axes=(1, 2)))) < 6
    coded, out = prepared(path, replace(NATIVE, storage="h264-qp0"), tmp_path)
    assert coded.codec["pixel_format"] == "yuv420p"
    assert np.mean(abs(frames_of(out) - shown)) < 12


@pytest.mark.parametrize("storage", ["lossless", "h264-qp0"])
@pytest.mark.parametrize("range_", ["tv", "pc"])
def test_colour_tags_are_kept(range_: str, storage: str, tmp_path: Path) -> None:
    tags = ("-color_primaries", "bt2020", "-color_trc", "smpte170m", "-colorspace", "bt709", "-color_range", range_)
    x264 = "colorprim=bt2020:transfer=smpte170m:colormatrix=bt709:range=" + range_
    path = make(tmp_path / "clip.mp4", *tags, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-x264-params", x264)
    result, out = prepared(path, replace(NATIVE, storage=storage), tmp_path)
    codes = (1, 9, 6, {"tv": 1, "pc": 2}[range_])
    video = result.video
    assert (video.color_matrix, video.color_primaries, video.color_transfer, video.color_range) == codes
    with open_video(out) as stored:
        frame = next(decoded(stored))
        kept = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
        assert tuple(map(int, kept)) == codes
    assert np.array_equal(frames_of(out), frames_of(path))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety frames at 30 a second; brightness tells the tens of their number on the left, the ones on the right."""
    path = tmp_path_factory.mktemp("counted") / "whole.mp4"
    digits = np.array([(number // 10, number % 10) for number in range(90)], np.uint8) * 20
    halves = np.repeat(digits, 24, axis=1)[:, None, :, None]
    lossless = write_video(path.with_suffix(".mkv"), np.tile(halves, (1, 32, 1, 3)), 30.0)
    h264 = ("-c:v", "libx264", "-bf", 3, "-g", 40, "-qp", 0, "-pix_fmt", "yuv444p", "-movflags", "+faststart")
    ffmpeg("-i", lossless, *h264, path)
    return path


def numbers(path: Path) -> list[int]:
    frames = frames_of(path)
    tens, ones = (np.rint(half.mean(axis=(1, 2, 3)) / 20) for half in np.split(frames, 2, axis=2))
    return (10 * tens + ones).astype(int).tolist()


@pytest.mark.parametrize(
    ("start", "end", "preparation", "first", "last"),
    [
        (0.0, 0.0, Preparation(seconds=1.5), 0, 44),
        (0.7, 0.0, Preparation(seconds=1.5), 21, 65),
        (0.7, 1.234, Preparation(), 21, 37),
        (0.7, 1.234, Preparation(seconds=0), 21, 37),
        (0.7, 0.0, Preparation(seconds=0), 21, 89),
        (0.701, 2.5, replace(SCRIPT, seconds=1, at_least_frames=0), 22, 51),
        (0.7, 2.5, replace(SCRIPT, seconds=1, at_least_frames=50), 21, 70),
        (0.7, 2.0, SCRIPT, 21, 59),
        (0.0, 0.0, SCRIPT, 0, 89),
        (0.5, 0.0, Preparation(seconds=0.5, cut_by="frames"), 15, 29),
        (0.5, 2.0, Preparation(seconds=1, fill_up=True), 15, 44),
    ],
)
def test_a_cut_is_right_to_the_frame(
    start: float, end: float, preparation: Preparation, first: int, last: int, counted: Path, tmp_path: Path
) -> None:
    clip = clip_of(counted, start=start, end=end)
    result, out = prepared(clip, replace(preparation, storage="lossless"), tmp_path)
    assert numbers(out) == list(range(first, last + 1))
    assert result.frames == last + 1 - first
    assert result.video.frames_read <= result.frames + 1


def test_time_stamps_decide_where_ten_seconds_end(tmp_path: Path) -> None:
    drop = ("-vf", "select='lt(n,5)+gt(n,14)'", "-fps_mode", "vfr", "-pix_fmt", "yuv420p")
    path = make(tmp_path / "gap.mov", *drop, seconds=2)
    assert prepared(path, replace(NATIVE, seconds=1), tmp_path)[0].frames == 15
    assert prepared(path, replace(NATIVE, seconds=1, fill_up=True), tmp_path)[0].frames == 25


def test_what_lies_behind_the_last_kept_frame_is_not_read(counted: Path, tmp_path: Path) -> None:
    healthy, _ = prepared(counted, replace(NATIVE, seconds=1), tmp_path)
    spoiled = tmp_path / "spoiled.mp4"
    content = bytearray(counted.read_bytes())
    with open_video(counted) as video:
        entry = video.stream.index_entries[60]
    for at in range(entry.pos, entry.pos + 200):
        content[at] ^= 0x5A
    spoiled.write_bytes(content)
    again, _ = prepared(spoiled, replace(NATIVE, seconds=1), tmp_path)
    assert again == healthy


def test_a_folder_of_images_is_a_video_of_the_rate_that_the_clip_states(carphone: Frames, tmp_path: Path) -> None:
    folder = tmp_path / "images0"
    folder.mkdir()
    for number, frame in enumerate(carphone[:12]):
        Image.fromarray(frame).save(folder / f"im_{number}.png")
    clip = clip_of(folder, fps=5.0)
    result, out = prepared(clip, replace(NATIVE, seconds=2), tmp_path)
    assert (result.frames, result.rate, result.pixel_format, result.video.frames_read) == (10, "5", "rgb24", 10)
    assert np.array_equal(frames_of(out), carphone[:10])
    smaller, out = prepared(clip, replace(SCRIPT, short_side=72), tmp_path)
    assert (smaller.frames, smaller.height, smaller.width) == (12, 72, 88)
    with pytest.raises(ClipError, match="images0: a folder of images states no frame rate"):
        prepared(clip_of(folder), NATIVE, tmp_path)


def test_a_member_of_an_archive_and_a_wrong_name_change_nothing(counted: Path, tmp_path: Path) -> None:
    plain, out = prepared(counted, NATIVE, tmp_path)
    content = out.read_bytes()
    archive, wrong = tmp_path / "00000.tar", tmp_path / "- take:2 %03d \n'ü'.avi"
    with tarfile.open(archive, "w") as tar:
        tar.add(counted, "0000000_00000.mp4")
    wrong.write_bytes(counted.read_bytes())
    for clip in (clip_of(archive, member="0000000_00000.mp4"), clip_of(wrong)):
        again, out = prepared(clip, NATIVE, tmp_path)
        assert again == plain
        assert out.read_bytes() == content


def test_sound_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "loud.mp4"
    picture = make(tmp_path / "silent.mp4")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-i", picture, "-c:v", "copy", path)
    result, out = prepared(path, SCRIPT, tmp_path)
    assert result.frames == 10
    with open_video(out) as video:
        assert len(video.container.streams) == 1


def test_two_runs_write_the_same_bytes_and_say_the_same(mini: dict[str, Clip], tmp_path: Path) -> None:
    small = replace(NATIVE, short_side=72)
    preparations = [replace(SCRIPT, short_side=72), small, replace(small, storage="h264-crf20")]
    results, outs, told = [], [], list[int]()
    for number, preparation in enumerate(preparations):
        outs.append(f"{number}{stored_suffix(preparation.storage)}")
        results.append(prepare_video(mini["carphone"], preparation, tmp_path / "here" / outs[-1], told.append))
    code = (
        "import json, sys; from dataclasses import asdict; from pathlib import Path\n"
        "from tokenbench.datasets.building.preparation import Preparation\n"
        "from tokenbench.datasets.building.video import prepare_video\n"
        "from tokenbench.media.clip import Clip\n"
        "clip = Clip(id='c', domain='d', path=Path(sys.argv[1]), kind='video')\n"
        "for choices, out in zip(json.loads(sys.argv[2]), sys.argv[3:]):\n"
        "    print(json.dumps(asdict(prepare_video(clip, Preparation(**choices), Path(out)))))"
    )
    choices = json.dumps([asdict(preparation) for preparation in preparations])
    arguments = [str(mini["carphone"].path), choices, *(str(tmp_path / "there" / out) for out in outs)]
    run = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    assert [json.loads(line) for line in run.stdout.splitlines()] == [asdict(result) for result in results]
    for folder in ("here", "there"):
        assert sorted(os.listdir(tmp_path / folder)) == outs
    for out in outs:
        assert (tmp_path / "here" / out).read_bytes() == (tmp_path / "there" / out).read_bytes()
    assert sum(told) == sum(result.frames for result in results)


def test_a_broken_file_is_one_clips_error_and_leaves_nothing(
    mini: dict[str, Clip], counted: Path, tmp_path: Path
) -> None:
    content = counted.read_bytes()
    sound, cover, sizes = tmp_path / "sound.mp4", tmp_path / "cover.mp4", tmp_path / "sizes.ts"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", sound)
    picture = ("-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", sound, "-i", mini["astronaut"].path, *picture, cover)
    parts = [make(tmp_path / f"{size}.ts", size=size).read_bytes() for size in ("96x64", "64x96")]
    huge = make(tmp_path / "huge.gif", "-c:v", "gif")
    header = huge.read_bytes()
    files = {
        "empty.mp4": (b"", "the file is empty"),
        "text.mp4": (b"no video\n" * 100, "not a readable video"),
        "cut.mp4": (content[: len(content) * 3 // 4], r"cut short, \d+ bytes of \d+"),
        "sizes.ts": (b"".join(parts), "frame size changes from 96 x 64 to 64 x 96"),
        "huge.gif": (header[:6] + b"\0\x40\0\x40" + header[10:], "more than 67,108,864 pixels"),
        "sound.mp4": (sound.read_bytes(), "holds no video stream"),
        "cover.mp4": (cover.read_bytes(), "holds no video stream"),
    }
    for name, (data, message) in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        for preparation in (NATIVE, SCRIPT):
            with pytest.raises(ClipError, match=message) as caught:
                prepared(path, preparation, tmp_path / "out")
            assert str(caught.value).count(str(path)) == 1
            assert "\n" not in str(caught.value)
    assert not sizes.with_suffix("").exists()
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(ClipError, match="holds no video frame between 9 and 19 s"):
        prepared(clip_of(counted, start=9.0), NATIVE, tmp_path / "out")


def test_pictures_that_begin_hours_after_the_sound_are_not_filled_up(counted: Path, tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    late = ("-itsoffset", 9000, "-i", counted)
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", *late, "-map", 0, "-map", 1, "-c:v", "copy", path)
    assert prepared(path, NATIVE, tmp_path)[0].frames == 90
    with pytest.raises(ClipError, match=r"late\.mkv: its pictures begin more than 108,000 frames after its sound"):
        prepared(path, SCRIPT, tmp_path)


def test_frames_that_the_encoder_refuses_are_the_clips_error(tmp_path: Path) -> None:
    path = make(tmp_path / "wide.mkv", "-c:v", "ffv1", size="20000x16", seconds=0.04)
    with pytest.raises(ClipError, match=r"wide\.mkv: libx264 cannot encode 20000 x 16 frames"):
        prepared(path, replace(NATIVE, storage="h264"), tmp_path)


def test_a_place_that_cannot_be_written_is_no_fault_of_the_clip(counted: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        prepared(counted, NATIVE, tmp_path / "file")
