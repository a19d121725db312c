"""Clips of every kind are screened to the same scores, and refused for the damage that they have."""

from __future__ import annotations

import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from screening_support import DAMAGES, FPS, Frames, joined, letterboxed, lively, make_video, pan
from tests_support import write_video

from tokenbench.datasets.screening.limits import PANDA_70M, judge
from tokenbench.datasets.screening.luma import luma_frames
from tokenbench.datasets.screening.scores import Scores
from tokenbench.datasets.screening.screen import screen
from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png

LIMITS = replace(PANDA_70M, min_short_side=None)


def clip_of(path: Path, **known: float) -> Clip:
    return Clip(id="clip", domain="test", path=path, kind="video", **known)  # type: ignore[arg-type]


def assert_alike(a: Scores, b: Scores, tolerance: float) -> None:
    for name, value in asdict(a).items():
        assert getattr(b, name) == pytest.approx(value, abs=tolerance), name


def test_good_clips_pass(mini: dict[str, Clip]) -> None:
    assert judge(screen(mini["bigbuckbunny"], seconds=2.0), PANDA_70M) == []
    assert judge(screen(mini["carphone"], seconds=2.0), PANDA_70M) == ["short side 144 is below 360"]
    assert judge(screen(mini["bikes"], seconds=2.0), LIMITS) == ["cuts 1 is above 0"]


@pytest.mark.parametrize("score", DAMAGES)
def test_a_damaged_clip_is_refused_for_its_damage(score: str, carphone: Frames, tmp_path: Path) -> None:
    damage: Callable[[Frames], Frames] = DAMAGES[score]
    reasons = judge(screen(clip_of(write_video(tmp_path / "clip.mkv", damage(lively(carphone))))), LIMITS)
    assert any(reason.startswith(score.replace("_", " ")) for reason in reasons), reasons


def test_the_same_clip_has_the_same_scores(mini: dict[str, Clip]) -> None:
    assert screen(mini["carphone"], seconds=1.0) == screen(mini["carphone"], seconds=1.0)


def test_a_folder_of_images_has_the_scores_of_its_video(carphone: Frames, tmp_path: Path) -> None:
    frames = lively(carphone)
    for number, frame in enumerate(frames):
        write_png(tmp_path / "frames" / f"{number:05d}.png", frame)
    video = screen(clip_of(write_video(tmp_path / "clip.mkv", frames)))
    folder = screen(clip_of(tmp_path / "frames", fps=FPS))
    assert folder == replace(video, fps=FPS)


def test_luma_is_read_as_it_would_be_converted(carphone: Frames, tmp_path: Path) -> None:
    limited = make_video(tmp_path / "limited.mp4", carphone, "-c:v", "libx264", "-qp", "8", "-pix_fmt", "yuv420p")
    full = make_video(tmp_path / "full.mp4", carphone, "-c:v", "libx264", "-qp", "8", "-pix_fmt", "yuvj420p")
    deep = make_video(tmp_path / "deep.mkv", carphone, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
    rgb = write_video(tmp_path / "rgb.mkv", carphone)
    scores = screen(clip_of(rgb))
    for path in (limited, full, deep):
        assert_alike(scores, screen(clip_of(path)), 0.02)
        for frame, true in zip(luma_frames(clip_of(path), 9), luma_frames(clip_of(rgb), 9), strict=True):
            assert np.abs(frame.luma.astype(int) - true.luma).mean() < 1.5, path


def test_a_cut_of_a_longer_video_is_screened_alone(carphone: Frames, tmp_path: Path) -> None:
    scene = joined(lively(carphone))
    frames = np.concatenate([pan(25, 3, 144, 176), scene, pan(25, 3, 144, 176)])
    part = replace(clip_of(write_video(tmp_path / "long.mkv", frames)), start=1.0, end=3.0)
    alone = screen(clip_of(write_video(tmp_path / "alone.mkv", scene)))
    assert alone.cut_times == (1.0,)
    assert_alike(screen(part), alone, 1e-9)


def test_no_more_than_the_first_seconds_are_looked_at(carphone: Frames, tmp_path: Path) -> None:
    frames = joined(lively(carphone))
    whole = clip_of(write_video(tmp_path / "whole.mkv", frames))
    half = screen(clip_of(write_video(tmp_path / "half.mkv", frames[:25])))
    assert screen(whole).cut_times == (1.0,)
    assert_alike(screen(whole, seconds=1.0), half, 1e-9)


def test_a_turned_video_is_screened_as_it_is_shown(tmp_path: Path) -> None:
    frames = letterboxed(pan(20, 3, 144, 176))
    upright = make_video(tmp_path / "upright.mp4", frames, "-c:v", "libx264", "-pix_fmt", "yuv420p")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(upright)]
    subprocess.run([*command, "-c", "copy", str(tmp_path / "turned.mp4")], check=True, capture_output=True)
    straight, turned = screen(clip_of(upright)), screen(clip_of(tmp_path / "turned.mp4"))
    assert (turned.height, turned.width) == (176, 144)
    assert (turned.border_columns, turned.border_rows) == pytest.approx((straight.border_rows, 0))
    assert straight.border_rows == pytest.approx(36 / 144, abs=2 / 144)
    assert turned.motion_peak == pytest.approx(straight.motion_peak, rel=0.02)


def test_a_variable_rate_is_read_from_time_stamps(tmp_path: Path) -> None:
    path = tmp_path / "variable.mkv"
    steady = screen(clip_of(make_video(tmp_path / "steady.mkv", pan(50, 3), "-c:v", "ffv1")))
    uneven = ["-vf", "select='not(mod(n,2))+gt(n,24)'", "-fps_mode", "vfr", "-c:v", "ffv1"]
    variable = screen(clip_of(make_video(path, pan(50, 3), *uneven)))
    assert variable.motion == pytest.approx(steady.motion, rel=0.02)


def test_memory_does_not_grow_with_the_length(carphone: Frames, tmp_path: Path) -> None:
    def peak(times: int) -> int:
        path = write_video(tmp_path / f"{times}.mkv", np.tile(carphone, (times, 1, 1, 1)))
        tracemalloc.start()
        screen(clip_of(path))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(4) < 1.1 * peak(1)


def test_what_cannot_be_screened_is_named(carphone: Frames, tmp_path: Path) -> None:
    tiny = write_video(tmp_path / "tiny.mkv", carphone[:4, :12, :64])
    write_png(tmp_path / "frames" / "0.png", carphone[0])
    parts = [make_video(tmp_path / f"{n}.mjpeg", carphone[:4, :n], "-f", "mjpeg") for n in (64, 96)]
    changing = tmp_path / "changing.mjpeg"
    changing.write_bytes(b"".join(part.read_bytes() for part in parts))
    empty = tmp_path / "empty.mp4"
    empty.touch()
    for clip, message in [
        (replace(clip_of(tmp_path / "frames" / "0.png"), kind="image"), r"0\.png: a photograph has no motion"),
        (clip_of(tiny), r"tiny\.mkv: 64 x 12 pixels are too small to screen; give 16 or more"),
        (clip_of(tmp_path / "frames"), r"frames: its frame rate is not known"),
        (clip_of(changing), r"changing\.mjpeg: the frame size changes from \(64, 176\) to \(96, 176\)"),
        (clip_of(empty), r"empty\.mp4: the file is empty"),
        (clip_of(tmp_path / "none.mp4"), r"none\.mp4: no such file"),
    ]:
        with pytest.raises(ClipError, match=message):
            screen(clip)


def test_a_strip_of_pictures_is_screened(tmp_path: Path) -> None:
    strip = np.ascontiguousarray(pan(8, 2, 64, 640)[:, :16])
    assert 0 <= screen(clip_of(write_video(tmp_path / "strip.mkv", strip))).blur <= 1
