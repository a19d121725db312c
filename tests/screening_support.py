"""Damages that a reviewer rejects clips for, and a way to make video files with ffmpeg."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import data

Frames = NDArray[np.uint8]
FPS = 25.0


def photograph(height: int, width: int) -> Frames:
    """Uint8 H x W of a real scene."""
    picture = Image.fromarray(data.coffee()).convert("L")
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def pan(count: int, step: int, height: int = 180, width: int = 320) -> Frames:
    """Uint8 T x H x W x 3 of a photograph that moves by `step` pixels a frame to the left."""
    scene = photograph(height, width + abs(step) * count)
    views = np.stack([scene[:, step * t : step * t + width] for t in range(count)])
    return np.repeat(views[..., None], 3, axis=-1)


def filtered(frames: Frames, change: Callable[[Image.Image], Image.Image]) -> Frames:
    return np.stack([np.asarray(change(Image.fromarray(frame))) for frame in frames])


def blurred(frames: Frames, sigma: float = 3.0) -> Frames:
    return filtered(frames, lambda image: image.filter(ImageFilter.GaussianBlur(sigma)))


def jpeg(frames: Frames, quality: int = 10) -> Frames:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return filtered(frames, change)


def noisy(frames: Frames, sigma: float = 1.5) -> Frames:
    noise = np.random.default_rng(0).normal(0, sigma, frames.shape)
    return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)


def still(frames: Frames) -> Frames:
    return noisy(np.repeat(frames[:1], len(frames), axis=0))


def darkened(frames: Frames, factor: float = 0.2) -> Frames:
    return (frames * factor).astype(np.uint8)


def letterboxed(frames: Frames, lines: int = 18, level: int = 0) -> Frames:
    boxed = frames.copy()
    boxed[:, :lines] = boxed[:, -lines:] = level
    return boxed


def pillarboxed(frames: Frames, lines: int = 20) -> Frames:
    boxed = frames.copy()
    boxed[:, :, :lines] = boxed[:, :, -lines:] = 0
    return boxed


def joined(frames: Frames) -> Frames:
    half = len(frames) // 2
    return np.concatenate([frames[:half], frames[:half, ::-1]])


DAMAGES = {
    "motion_peak": still,
    "static_share": still,
    "blur": blurred,
    "blockiness": jpeg,
    "darkness": darkened,
    "border_rows": letterboxed,
    "border_columns": pillarboxed,
    "cuts": joined,
}


def make_video(path: Path, frames: Frames, *arguments: str, fps: float = FPS) -> Path:
    """Frames through the ffmpeg command, with its arguments for the output."""
    height, width = frames.shape[1:3]
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *given, *arguments, str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True, capture_output=True)
    return path


def lively(frames: Frames) -> Frames:
    """A clip's first 24 frames forth and back: two seconds."""
    return np.concatenate([frames[:24], frames[23::-1], frames[:2]])
