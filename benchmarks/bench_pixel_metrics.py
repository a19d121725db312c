"""PSNR and SSIM of 1080p frames: scikit-image and NumPy, as the public script calls them, beside TokenBench.

    python benchmarks/bench_pixel_metrics.py

Prints milliseconds a frame, median and best. Both sides get the same uint8 frames: one real photograph, scaled
up and panned, and its JPEG of quality 50 as the reconstruction. The conversion to float32 that the script does
for scikit-image is part of its time.
"""

from __future__ import annotations

import io
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity

from tokenbench.metrics import PixelScores

HEIGHT, WIDTH, FRAMES = 1080, 1920, 16
REFERENCE_FRAMES = 4
REPEATS = 15

Clip = NDArray[np.uint8]


def main() -> None:
    x, y = make_clips()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs; {WIDTH} x {HEIGHT}")
    print("  ".join(f"{name} {version(name)}" for name in ("numpy", "scikit-image", "numba")))
    one_by_one(x, y)

    reference = milliseconds(lambda: score_by_scikit_image(x, y), REFERENCE_FRAMES, repeats=3)
    print_times("scikit-image SSIM + PSNR", reference, reference)
    print_times("TokenBench, one thread", milliseconds(lambda: one_by_one(x, y), FRAMES), reference)
    print_times("TokenBench, all threads", milliseconds(lambda: PixelScores().update(x, y), FRAMES), reference)
    print_difference(x, y)


def make_clips() -> tuple[Clip, Clip]:
    """FRAMES x HEIGHT x WIDTH x 3 references and reconstructions."""
    photograph = Image.fromarray(data.astronaut()).resize((WIDTH + 16, WIDTH + 16), Image.Resampling.LANCZOS)
    corners = [(t, 8 * t) for t in range(FRAMES)]
    frames = [photograph.crop((left, top, left + WIDTH, top + HEIGHT)) for left, top in corners]
    return np.stack([np.asarray(frame) for frame in frames]), np.stack([jpeg(frame) for frame in frames])


def jpeg(frame: Image.Image) -> NDArray[np.uint8]:
    file = io.BytesIO()
    frame.save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


def score_by_scikit_image(x: Clip, y: Clip) -> list[tuple[float, float]]:
    """PSNR and SSIM of the first REFERENCE_FRAMES frames."""
    return [scikit_image_frame(x[t], y[t]) for t in range(REFERENCE_FRAMES)]


def scikit_image_frame(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> tuple[float, float]:
    x_float, y_float = x.astype(np.float32), y.astype(np.float32)
    mse = np.mean((x_float - y_float) ** 2)
    psnr = 20 * np.log10(255 / (np.sqrt(mse) + np.finfo(np.float32).eps))
    return float(psnr), float(structural_similarity(x_float, y_float, data_range=255, channel_axis=-1))


def one_by_one(x: Clip, y: Clip) -> list[PixelScores]:
    """Frame by frame, which uses no second thread."""
    scores = [PixelScores() for _ in range(FRAMES)]
    for t, frame in enumerate(scores):
        frame.update(x[t : t + 1], y[t : t + 1])
    return scores


def milliseconds(work: Callable[[], object], frames: int, repeats: int = REPEATS) -> list[float]:
    """Of every repeat, a frame."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) / frames * 1000)
    return times


def print_times(name: str, times: list[float], reference: list[float]) -> None:
    median = statistics.median(times)
    ratio = statistics.median(reference) / median
    print(f"{name:26} {median:8.2f} ms/frame (best {min(times):.2f}), {ratio:.1f} times as fast")


def print_difference(x: Clip, y: Clip) -> None:
    ours = [scores.values() for scores in one_by_one(x, y)[:REFERENCE_FRAMES]]
    theirs = score_by_scikit_image(x, y)
    psnr = max(abs(our["psnr"] - their[0]) for our, their in zip(ours, theirs, strict=True))
    ssim = max(abs(our["ssim"] - their[1]) for our, their in zip(ours, theirs, strict=True))
    print(f"largest difference         PSNR {psnr:.1e} dB, SSIM {ssim:.1e}")


if __name__ == "__main__":
    main()
