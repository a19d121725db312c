"""Preparing clips in two worker processes, beside one ffmpeg command after the other with all its threads.

    python benchmarks/bench_build.py [--size 1080p|4k] [--frames N] [--clips N] [--rounds N]

Both read the same H.264 files, shrink them and encode with the same settings. Prints frames per second (the best of
the rounds, which alternate), their ratio, processor time, and the peak memory of a worker.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import imageio_ffmpeg

from tokenbench.datasets.building.preparation import Preparation
from tokenbench.datasets.building.video import prepare_video
from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.clip import Clip
from tokenbench.media.stored import stored_suffix

WORKERS = 2
SIZES = {"1080p": (1920, 1080, 720), "4k": (3840, 2160, 1080)}
ENCODERS = {
    "lossless": ("-c:v", "ffv1"),
    "h264-qp28": ("-c:v", "libx264", "-preset", "medium", "-qp", "28"),
    "h264-crf17": ("-c:v", "libx264", "-preset", "medium", "-crf", "17", "-rc-lookahead", "20"),
}
CASES = (("source", "lossless"), ("source", "h264-qp28"), ("source", "h264-crf17"), ("rgb", "h264-qp28"))


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def write_clips(folder: Path, width: int, height: int, frames: int, clips: int) -> list[Clip]:
    """Real frames, scaled up, as a camera would store them."""
    source = next(clip for clip in open_dataset("mini").clips if clip.id == "bikes").path
    paths = [folder / f"{number}.mp4" for number in range(clips)]
    camera = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", 20, "-g", 30, "-pix_fmt", "yuv420p")
    ffmpeg("-stream_loop", -1, "-i", source, "-frames:v", frames, "-vf", f"scale={width}:{height}", *camera, paths[0])
    for path in paths[1:]:
        path.write_bytes(paths[0].read_bytes())
    return [Clip(id=path.stem, domain="bench", path=path, kind="video") for path in paths]


def command_for_each(clips: list[Clip], short: int, storage: str, folder: Path) -> None:
    for clip in clips:
        scale = f"scale=-2:{short}:flags=lanczos+accurate_rnd"
        out = folder / f"command{stored_suffix(storage)}"
        ffmpeg("-t", 10, "-i", clip.path, "-an", "-vf", scale, *ENCODERS[storage], out)


def work(clip: Clip, preparation: Preparation, out: Path) -> float:
    """Seconds of the processor that it took."""
    start = time.process_time()
    prepare_video(clip, preparation, out)
    return time.process_time() - start


def processor_of_commands() -> float:
    """Seconds of the processor, of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mb(_: int) -> tuple[int, int]:
    """Process id and peak memory of a worker."""
    time.sleep(0.2)
    return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="1080p")
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    width, height, short = SIZES[options.size]
    frames = options.frames * options.clips
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = write_clips(folder, width, height, options.frames, options.clips)
        print(f"{options.clips} clips of {options.frames} frames, {width} x {height} to short side {short}")
        for colour, storage in CASES:
            preparation = Preparation(short_side=short, colour=colour, storage=storage)  # type: ignore[arg-type]
            outs = [folder / f"{clip.id}-out{stored_suffix(storage)}" for clip in clips]
            ours, theirs = [], []
            with ProcessPoolExecutor(WORKERS) as pool:
                list(pool.map(peak_mb, range(WORKERS)))
                for _ in range(options.rounds):
                    start = time.perf_counter()
                    busy = sum(pool.map(work, clips, [preparation] * len(clips), outs))
                    ours.append((time.perf_counter() - start, busy))
                    start, before = time.perf_counter(), processor_of_commands()
                    command_for_each(clips, short, storage, folder)
                    theirs.append((time.perf_counter() - start, processor_of_commands() - before))
                memory = max(dict(pool.map(peak_mb, range(WORKERS))).values())
            (wall, busy), (command_wall, command_busy) = min(ours), min(theirs)
            print(
                f"{colour:7}{storage:11} prepare_video {frames / wall:6.1f} fps ({busy:.1f} s of processor), "
                f"ffmpeg {frames / command_wall:6.1f} fps ({command_busy:.1f} s), "
                f"ratio {command_wall / wall:.2f}, worker {memory} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
