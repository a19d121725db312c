"""The memory of `eval` over many images and over a long video, once a second, as a plot.

    python benchmarks/bench_memory.py [--images N] [--minutes N] [--out FOLDER]

Images are crops of the embedded photographs; the video is a small copy of an embedded one, that goes round. Writes
memory.svg and memory.json, and prints how the resident memory of the command and its processes grew from a tenth of the
run to its end. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import matplotlib
import numpy as np
from PIL import Image
from tqdm import trange

from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.image import read_image

MIB = 2**20

SIDE = 64
VIDEO_RATE, VIDEO_SIZE = 25, (160, 90)

IMAGES_BY, VIDEO_BY = "haar-8x8", "haar-4x8x8"


def write_images(folder: Path, count: int) -> None:
    """Small crops of real photographs, from places that are drawn anew for each."""
    random = np.random.default_rng(0)
    photographs = [read_image(clip.path) for clip in open_dataset("mini").clips if clip.kind == "image"]
    folder.mkdir()
    for number in trange(count, desc="images", unit="image"):
        picture = photographs[number % len(photographs)]
        top, left = (int(random.integers(0, side - SIDE + 1)) for side in picture.shape[:2])
        crop = np.ascontiguousarray(picture[top : top + SIDE, left : left + SIDE])
        Image.fromarray(crop).save(folder / f"{number:06d}.jpg", quality=95)


def write_video(folder: Path, minutes: float) -> None:
    """A long H.264 file: one round is encoded, and its packets are repeated."""
    source = next(clip for clip in open_dataset("mini").clips if clip.id == "bikes").path
    folder.mkdir()
    size = "scale={}:{}".format(*VIDEO_SIZE)
    once = folder.parent / "once.mp4"
    ffmpeg("-i", source, "-an", "-vf", size, "-r", VIDEO_RATE, "-c:v", "libx264", "-crf", 23, "-bf", 0, once)
    ffmpeg("-stream_loop", -1, "-i", once, "-t", minutes * 60, "-c", "copy", folder / "long.mp4")


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def course(tokenizer: str, clips: Path, out: Path, workers: int) -> list[tuple[float, float]]:
    """Seconds and resident MiB of an evaluation, once a second."""
    options = ("--tokenizer", tokenizer, "--dataset", clips, "--workers", workers, "--out", out)
    command = [sys.executable, "-m", "tokenbench", "eval", *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    start, samples = time.monotonic(), []
    while process.poll() is None:
        if held := sum(map(resident, family(process.pid))):
            samples.append((time.monotonic() - start, held / MIB))
        time.sleep(1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return samples


def family(process: int) -> Iterator[int]:
    """A process, and all that it has started."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _text(children).split():
            yield from family(int(child))


def resident(process: int) -> int:
    """Bytes that it holds; none where it has just ended."""
    lines = [line for line in _text(Path(f"/proc/{process}/status")).splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def figures(samples: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Memory from a tenth of the run on, each the median of a twentieth of its samples, and the line through them."""
    times, held = np.array(samples).T
    tenth = len(held) // 10
    width = max(1, len(held) // 20)
    slope, _ = np.polyfit(times[tenth:], held[tenth:], 1)
    early, late = statistics.median(held[tenth : tenth + width]), statistics.median(held[-width:])
    return {
        "seconds": round(float(times[-1])),
        "mib_at_10_percent": round(early),
        "mib_at_100_percent": round(late),
        "growth_mib": round(late - early, 1),
        "line_mib": round(float(slope * (times[-1] - times[tenth])), 1),
        "peak_mib": round(float(held.max())),
    }


def draw(courses: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Memory over the share of the run that has passed."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "tokenbench"
    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    for name, samples in courses.items():
        times, held = np.array(samples).T
        axes.plot(times / times[-1] * 100, held, label=name, linewidth=1)
    axes.set(xlabel="of the run (%)", ylabel="resident memory (MiB)", xlim=(0, 100), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="0 for none")
    parser.add_argument("--minutes", type=float, default=60, help="of the video; 0 for none")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-memory"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    courses: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.images:
            write_images(folder / "images", options.images)
            title = f"{options.images:,} images of {SIDE} x {SIDE}"
            courses[title] = course(IMAGES_BY, folder / "images", folder / "images-run", options.workers)
        if options.minutes:
            write_video(folder / "video", options.minutes)
            title = f"{options.minutes:g} minutes of video, {VIDEO_SIZE[0]} x {VIDEO_SIZE[1]} at {VIDEO_RATE} frames/s"
            courses[title] = course(VIDEO_BY, folder / "video", folder / "video-run", options.workers)
    known = {title: figures(samples) for title, samples in courses.items()}
    (options.out / "memory.json").write_text(json.dumps(known, indent=1) + "\n")
    draw(courses, options.out / "memory.svg")
    print(json.dumps(known, indent=1))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
