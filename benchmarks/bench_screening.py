"""Screening: milliseconds of processor time for a second of video, and the scores of good and damaged clips.

    python benchmarks/bench_screening.py

The videos are Big Buck Bunny's first 100 frames at 25 a second, scaled and coded as H.264 (x264, crf 23). Beside
screening stand decoding alone, which no screening can do without, and how many seconds of video a second makes. The
scores are of clips that come with TokenBench, each as it is and damaged, and of a folder of videos where one is given:

    python benchmarks/bench_screening.py --folder /data/clips
"""

from __future__ import annotations

import argparse
import io
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.screening.limits import PANDA_70M, judge
from tokenbench.datasets.screening.screen import screen
from tokenbench.media.clip import Clip
from tokenbench.media.codec import repeatable
from tokenbench.media.video import decoded, open_video

FRAMES, FPS = 100, 25
SIZES = ((360, 640), (720, 1280), (1080, 1920))
REPEATS = 3

# Some of the clips are small.
LIMITS = replace(PANDA_70M, min_short_side=None)

Frames = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="of videos whose scores are wanted, too")
    folder = parser.parse_args().folder
    print(platform.processor() or platform.machine())
    clips = {clip.id: clip for clip in open_dataset("mini").clips}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "clip.mp4")
        for height, width in SIZES:
            images = (image for chunk in clips["bigbuckbunny"].chunks(8, frames=FRAMES) for image in chunk)
            write(path, [resized(image, height, width) for image in images], crf=23)
            print_speed(path, height)
        print(HEADER)
        for name, start in (("bigbuckbunny", 0), ("bikes", 80), ("carphone", 0)):
            frames = np.concatenate(list(clips[name].chunks(16, frames=start + 50)))[start:]
            for damage, change in DAMAGES.items():
                write(path, change(frames), crf=CRF.get(damage, 16))
                print_scores(f"{name}, {damage}", path)
    for clip in open_dataset(str(folder)).clips if folder else ():
        print_scores(clip.path.name[-32:], clip.path)


def resized(image: Frames, height: int, width: int) -> Frames:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def write(path: Path, frames: Any, crf: int) -> None:
    with av.open(str(path), "w") as container:
        height, width = frames[0].shape[:2]
        options = repeatable("libx264", {"crf": str(crf), "preset": "fast", "threads": "1"})
        stream: Any = container.add_stream("libx264", rate=Fraction(FPS), options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())


def clip_of(path: Path) -> Clip:
    return Clip(id=path.name, domain="", path=path, kind="video")


def print_speed(path: Path, height: int) -> None:
    def decode() -> None:
        with open_video(path, threads=1) as video:
            for _ in decoded(video):
                pass

    screening, decoding = (best(work) * 1000 * FPS / FRAMES for work in (lambda: screen(clip_of(path)), decode))
    print(
        f"{height:5}p  screening {screening:6.0f} ms for a second of video ({1000 / screening:.1f} times real time), "
        f"of which decoding {decoding:.0f} ms"
    )


def best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


HEADER = (
    "\n| clip | motion | motion_peak | static_share | blur | blockiness | darkness | border_rows | border_columns | "
    "cuts | refused for |\n| --- |" + " --- |" * 10
)


def print_scores(name: str, path: Path) -> None:
    scores = screen(clip_of(path))
    values = [scores.motion, scores.motion_peak, scores.static_share, scores.blur, scores.blockiness]
    values += [scores.darkness, scores.border_rows, scores.border_columns]
    reasons = [reason.partition(" is ")[0].rpartition(" ")[0] for reason in judge(scores, LIMITS)]
    digits = [4, 3, 2, 2, 2, 2, 2, 2]
    cells = [f"{value:.{count}f}" for value, count in zip(values, digits, strict=True)]
    print("| " + " | ".join([name, *cells, str(scores.cuts), ", ".join(reasons)]) + " |")


def still(frames: Frames) -> Frames:
    noise = np.random.default_rng(0).normal(0, 5, frames.shape)
    return np.clip(np.rint(frames[:1] + noise), 0, 255).astype(np.uint8)


def each(change: Callable[[Image.Image], Image.Image]) -> Callable[[Frames], Frames]:
    return lambda frames: np.stack([np.asarray(change(Image.fromarray(frame))) for frame in frames])


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=10)
    return Image.open(file)


def enlarged(image: Image.Image) -> Image.Image:
    small = image.resize((image.width // 4, image.height // 4), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def barred(frames: Frames) -> Frames:
    lines = frames.shape[1] // 8
    frames = frames.copy()
    frames[:, :lines] = frames[:, -lines:] = 0
    return frames


CRF = {"H.264 crf 48": 48}
DAMAGES: dict[str, Callable[[Frames], Frames]] = {
    "as it is": lambda frames: frames,
    "one frame with noise": still,
    "Gaussian blur, sigma 2": each(lambda image: image.filter(ImageFilter.GaussianBlur(2))),
    "enlarged 4 times": each(enlarged),
    "JPEG quality 10": each(jpeg),
    "H.264 crf 48": lambda frames: frames,
    "a quarter of the light": lambda frames: frames // 4,
    "letterboxed": barred,
    "two shots joined": lambda frames: np.concatenate([frames[:25], frames[:25, ::-1]]),
}


if __name__ == "__main__":
    main()
