from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.vmaf import SMALLEST_SIDE, Vmaf, find_ffmpeg

FPS = 29.97002997002997


def measured(x: NDArray[np.uint8], y: NDArray[np.uint8], cuts: list[int] | None = None) -> float:
    _, height, width, _ = x.shape
    with Vmaf(height, width, FPS) as meter:
        for chunks in zip(np.split(x, cuts or []), np.split(y, cuts or []), strict=True):
            meter.update(*chunks)
        return meter.values()["vmaf"]


def ffmpeg(*arguments: object, cwd: Path) -> None:
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, cwd=cwd, check=True, timeout=60)


def raw(name: str, clip: NDArray[np.uint8]) -> list[str]:
    """What tells ffmpeg how to read frames that lie in a file without a header."""
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{clip.shape[2]}x{clip.shape[1]}", "-r", "25", "-i", name]


def by_hand(folder: Path, x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    """VMAF of two files, as everybody computes it; ffmpeg converts colours by its own defaults."""
    for name, clip in (("x.rgb", x), ("y.rgb", y)):
        (folder / name).write_bytes(clip.tobytes())
        ffmpeg(*raw(name, clip), "-pix_fmt", "yuv420p", f"{name}.y4m", cwd=folder)
    files = ["-i", "y.rgb.y4m", "-i", "x.rgb.y4m"]
    ffmpeg(*files, "-lavfi", "libvmaf=log_fmt=json:log_path=log.json", "-f", "null", "-", cwd=folder)
    return json.loads((folder / "log.json").read_text())["pooled_metrics"]["vmaf"]["mean"]


def compressed(folder: Path, clip: NDArray[np.uint8], crf: int) -> NDArray[np.uint8]:
    (folder / "clip.rgb").write_bytes(clip.tobytes())
    ffmpeg(*raw("clip.rgb", clip), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", crf, "clip.mp4", cwd=folder)
    ffmpeg("-i", "clip.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "back.rgb", cwd=folder)
    return np.frombuffer((folder / "back.rgb").read_bytes(), np.uint8).reshape(clip.shape)


@pytest.fixture
def pretender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in ffmpeg's place that knows libvmaf and fails at it."""
    return pretend(tmp_path, monkeypatch, "libvmaf")


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, knows: str) -> Path:
    program = folder / "pretender"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if '-filters' in sys.argv:\n"
        f"    sys.exit(print(' .. {knows}  VV->V  A filter.'))\n"
        "sys.exit('first complaint\\nout of ideas')\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    return program


def test_more_compression_scores_less(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    x = carphone[:8]
    scores = [measured(x, x), *(measured(x, compressed(tmp_path, x, crf)) for crf in (20, 30, 40))]
    assert 95 < scores[0] <= 100
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 60


@pytest.mark.parametrize("size", [(144, 176), (99, 121)])
def test_it_is_what_ffmpeg_says_of_two_files(
    tmp_path: Path, carphone: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    x = carphone[:6, : size[0], : size[1]]
    y = np.clip(x + np.random.default_rng(0).normal(0, 12, x.shape), 0, 255).astype(np.uint8)
    assert measured(x, y) == pytest.approx(by_hand(tmp_path, x, y), abs=0.1)
    assert measured(x, y) < 95


def test_the_reference_is_the_reference(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    x, y = carphone[:6], compressed(tmp_path, carphone[:6], 40)
    assert abs(measured(x, y) - measured(y, x)) > 1
    assert measured(y, x) == pytest.approx(by_hand(tmp_path, y, x), abs=0.1)


def test_streaming_equals_whole_clip(clips: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    assert measured(*clips, cuts=[1, 1, 7]) == measured(*clips)


def test_tensors_and_memory_that_is_not_contiguous_are_scored(
    clips: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    x, y = (np.asfortranarray(clip) for clip in clips)
    _, height, width, _ = x.shape
    with Vmaf(height, width, FPS) as meter:
        meter.update(torch.tensor(x), y)
        assert meter.values()["vmaf"] == measured(*clips)


def test_the_smallest_frames_have_a_score(carphone: NDArray[np.uint8]) -> None:
    x = carphone[:2, :SMALLEST_SIDE, :SMALLEST_SIDE]
    assert 0 <= measured(x, x) <= 100
    with pytest.raises(NotApplicable, match="vmaf needs at least 17 x 17 pixels, got 50 x 16"):
        Vmaf(16, 50, FPS)


@pytest.mark.parametrize("how", ["closed", "dropped", "failed", "finished"])
def test_no_process_or_folder_is_left_behind(carphone: NDArray[np.uint8], how: str) -> None:
    meter = Vmaf(144, 176, FPS)
    process, folder = meter._process, Path(meter._folder.name)
    meter.update(carphone[:2], carphone[:2])
    assert process.poll() is None
    assert folder.exists()
    if how == "closed":
        meter.close()
        meter.close()
    elif how == "dropped":
        del meter
        gc.collect()
    elif how == "finished":
        meter.values()
    else:
        with pytest.raises(ClipError, match="same shape"), meter:
            meter.update(carphone[:2], carphone[:3])
    assert process.poll() is not None
    assert process.stdin is not None
    assert process.stdin.closed
    assert not folder.exists()


def test_an_ffmpeg_that_dies_is_an_error_of_the_clip(pretender: Path, carphone: NDArray[np.uint8]) -> None:
    with Vmaf(144, 176, FPS) as meter, pytest.raises(ClipError, match=r"failed \(exit code 1\): out of ideas"):
        for _ in range(50):
            meter.update(carphone, carphone)


def test_an_ffmpeg_that_fails_at_the_end_is_an_error_of_the_clip(carphone: NDArray[np.uint8]) -> None:
    meter = Vmaf(144, 176, FPS)
    meter.update(carphone[:2], carphone[:2])
    meter._process.kill()
    with pytest.raises(ClipError, match=r"failed \(exit code -9\): without a message"):
        meter.values()


def test_without_imageio_ffmpeg_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(TokenBenchError, match=r"pip install 'tokenbench\[vmaf\]'"):
        find_ffmpeg()


def test_an_ffmpeg_without_libvmaf_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = pretend(tmp_path, monkeypatch, "libsomething")
    with pytest.raises(TokenBenchError, match=f"{program} has no libvmaf"):
        find_ffmpeg()


def test_an_ffmpeg_that_does_not_start_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nothing"))
    with pytest.raises(TokenBenchError, match=r"does not start .*nothing"):
        find_ffmpeg()


def test_an_empty_clip_is_refused() -> None:
    with Vmaf(144, 176, FPS) as meter, pytest.raises(ClipError, match="the clip is empty"):
        meter.values()


def test_frames_of_another_size_are_refused(carphone: NDArray[np.uint8]) -> None:
    with Vmaf(144, 176, FPS) as meter, pytest.raises(ClipError, match="got 175 x 144 pixels after 176 x 144"):
        meter.update(carphone[:1, :, 1:], carphone[:1, :, 1:])


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(fps: float) -> None:
    with pytest.raises(TokenBenchError, match="positive frame rate"):
        Vmaf(144, 176, fps)
