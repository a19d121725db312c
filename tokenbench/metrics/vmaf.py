"""VMAF of one clip, by the libvmaf of an ffmpeg process that frames are streamed to."""

from __future__ import annotations

import json
import subprocess
import weakref
from functools import cache
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.frames import check_frames
from tokenbench.parallel import cores

if TYPE_CHECKING:
    import torch

    Frames = NDArray[np.uint8] | torch.Tensor

MODEL = "vmaf_v0.6.1"

# With 16 pixels and fewer libvmaf crashes (measured with the one of ffmpeg 9.0).
SMALLEST_SIDE = 17

_LOG = "vmaf.json"
_MESSAGES = "messages.txt"


class Vmaf:
    """VMAF of one clip. Close it, use it as a context or drop it: its process and its temporary folder then go.

    Both sides go through one pipe, the reconstruction's frames below the reference's, so nothing but a few frames is
    held anywhere. The filter graph takes them apart and converts both to 8-bit YUV 4:2:0, BT.601, limited range: what
    ffmpeg does by itself with RGB. The model looks at luma only, so 4:2:0 and odd sizes cost nothing.

    Source:
        Netflix' libvmaf as ffmpeg's filter has it; model `vmaf_v0.6.1`, not its NEG variant.

    Args:
        height: of every frame, in pixels.
        width: the same.
        fps: frames a second; gives the frames their times and does not change the score.

    Raises:
        NotApplicable: the frames are too small for VMAF.
        TokenBenchError: there is no ffmpeg with libvmaf, or `fps` is not positive.
    """

    def __init__(self, height: int, width: int, fps: float) -> None:
        if min(height, width) < SMALLEST_SIDE:
            raise NotApplicable(f"vmaf needs at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, got {width} x {height}")
        if not fps > 0:
            raise TokenBenchError(f"vmaf needs a positive frame rate, got {fps}")
        self._size = height, width
        self._frames = 0
        self._folder = TemporaryDirectory(prefix="tokenbench-vmaf-")
        self._process = _start(find_ffmpeg(), Path(self._folder.name), height, width, fps)
        self._end = weakref.finalize(self, _end, self._process, self._folder)

    def update(self, reference: Frames, reconstruction: Frames) -> None:
        """Add the next frames of the clip; waits while ffmpeg is behind.

        Args:
            reference: T x H x W x 3, uint8, [0, 255].
            reconstruction: the same shape, frame by frame beside `reference`.

        Raises:
            ClipError: the two differ in shape, the frames have another size than was said, or ffmpeg has failed.
            TokenBenchError: not uint8, or not T x H x W x 3.
        """
        check_frames(reference, reconstruction, self._size)
        for x, y in zip(_array(reference), _array(reconstruction), strict=True):
            self._write(np.ascontiguousarray(np.concatenate([x, y])))
            self._frames += 1

    def values(self) -> dict[str, float]:
        """`vmaf`, the mean over frames, in [0, 100]; 97 to 100 for identical clips. Ends the process: to be asked once.

        Raises:
            ClipError: there were no frames, or ffmpeg has failed.
        """
        with self:
            if self._frames == 0:
                raise ClipError("no frames to score: the clip is empty")
            cast(FileIO, self._process.stdin).close()
            if self._process.wait() != 0:
                raise self._failure()
            log = json.loads(self._path(_LOG).read_text())
            if len(log["frames"]) != self._frames:
                raise ClipError(f"ffmpeg has scored {len(log['frames'])} of {self._frames} frames: try another ffmpeg")
            return {"vmaf": float(log["pooled_metrics"]["vmaf"]["mean"])}

    def close(self) -> None:
        """End the process, finished or not, and remove its folder. Closing twice is fine."""
        self._end()

    def __enter__(self) -> Vmaf:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, frame: NDArray[np.uint8]) -> None:
        left = frame.data.cast("B")
        try:
            while left:
                left = left[cast(FileIO, self._process.stdin).write(left) :]
        except BrokenPipeError:
            self._process.wait()
            raise self._failure() from None

    def _failure(self) -> ClipError:
        lines = self._path(_MESSAGES).read_text(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()] or ["without a message"]
        return ClipError(f"ffmpeg's libvmaf has failed (exit code {self._process.returncode}): {said[-1]}")

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / name


def find_ffmpeg() -> str:
    """The path of an ffmpeg with libvmaf: the one of imageio-ffmpeg, or what its IMAGEIO_FFMPEG_EXE names.

    Raises:
        TokenBenchError: not installed, or without libvmaf.
    """
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]
    except ImportError:
        raise TokenBenchError("VMAF needs ffmpeg with libvmaf: pip install 'tokenbench[vmaf]'") from None
    try:
        path = imageio_ffmpeg.get_ffmpeg_exe()
        listed = _filters(path)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise TokenBenchError(
            f"the ffmpeg of imageio-ffmpeg does not start ({error}): pip install --force-reinstall imageio-ffmpeg,"
            " or name another one in IMAGEIO_FFMPEG_EXE"
        ) from error
    if "libvmaf" not in listed:
        raise TokenBenchError(
            f"{path} has no libvmaf: pip install -U imageio-ffmpeg, or name another ffmpeg in IMAGEIO_FFMPEG_EXE"
        )
    return path


@cache
def _filters(ffmpeg: str) -> frozenset[str]:
    """The names of its filters: the second words of the lines that it prints."""
    command = [ffmpeg, "-hide_banner", "-filters"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    return frozenset(words[1] for line in printed.splitlines() if len(words := line.split()) > 1)


def _start(ffmpeg: str, folder: Path, height: int, width: int, fps: float) -> subprocess.Popen[bytes]:
    to_yuv = "scale=flags=bicubic:out_color_matrix=bt601:out_range=tv,format=yuv420p"
    graph = (
        f"split[top][bottom];"
        f"[top]crop={width}:{height}:0:0,{to_yuv}[reference];"
        f"[bottom]crop={width}:{height}:0:{height},{to_yuv}[reconstruction];"
        f"[reconstruction][reference]libvmaf=model=version={MODEL}:n_threads={cores()}:log_fmt=json:log_path={_LOG}"
    )
    command = [ffmpeg, "-nostdin", "-nostats", "-hide_banner", "-loglevel", "error"]
    command += ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{2 * height}"]
    command += ["-framerate", str(fps), "-i", "pipe:0", "-lavfi", graph, "-f", "null", "-"]
    # A file, because nobody reads a pipe while frames are written. Unbuffered, so that closing has nothing to write.
    with (folder / _MESSAGES).open("wb") as messages:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages, cwd=folder, bufsize=0
        )


def _end(process: subprocess.Popen[bytes], folder: TemporaryDirectory[str]) -> None:
    process.kill()
    process.wait()
    cast(FileIO, process.stdin).close()
    folder.cleanup()


def _array(frames: Frames) -> NDArray[np.uint8]:
    return frames if isinstance(frames, np.ndarray) else frames.cpu().numpy()
