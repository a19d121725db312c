"""The rate of `eval` with two workers over that with one, each of one thread.

    python benchmarks/bench_workers.py [--rounds N] [--only NAME]

One worker is held on one core, two share two. Beside them, two separate runs, each held on a core of its own, show what
two cores of this machine are worth: they share caches, memory and clock. The steady rate leaves out the first clip of
each worker; the whole includes loading libraries and networks. Clips are of equal length, of real frames. Needs Linux
and two cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from tokenbench.datasets.catalog import open_dataset

# Tokenizer, clips, and frames of each: about 40 seconds of one core.
CASES = (("haar-4x8x8", 16, 150), ("h264-crf23", 16, 200), ("cosmos-cv-4x8x8-mini", 16, 9))
LONGEST = max(frames for _, _, frames in CASES)

# How often journals are looked at, in seconds.
GLANCE = 0.05


@dataclass(frozen=True)
class Rate:
    """What came of runs that went side by side.

    Args:
        steady: clips a second once all workers are at work.
        whole: clips a second from the command to its result.
        processor: seconds of the processor, a clip.
    """

    steady: float
    whole: float
    processor: float


def write_clips(folder: Path, count: int, frames: int) -> None:
    """Real frames, each clip from another point of a video that goes round."""
    source = next(clip for clip in open_dataset("mini").clips if clip.id == "bikes")
    folder.mkdir()
    for number in range(count):
        cut = ("-ss", f"{number * 0.4:.1f}", "-stream_loop", "-1", "-i", source.path, "-frames:v", frames)
        coded = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", 20, folder / f"{number:02d}.mp4")
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *cut, *coded]
        subprocess.run(list(map(str, command)), check=True)


def run(tokenizer: str, clips: Path, count: int, frames: int, runs: Sequence[tuple[set[int], int]]) -> Rate:
    """Evaluate the same clips in several runs at the same time.

    Args:
        tokenizer: its name.
        clips: their folder.
        count: of clips that a run takes.
        frames: of each.
        runs: the cores that each may use, and its workers.
    """
    workers = sum(number for _, number in runs)
    with tempfile.TemporaryDirectory() as name:
        outs = [Path(name, str(number)) for number in range(len(runs))]
        options = ("--tokenizer", tokenizer, "--dataset", clips, "--limit", count, "--frames", frames)
        before, start = processor(), time.perf_counter()
        processes = [
            begin([*options, "--workers", number, "--out", out], cores)
            for out, (cores, number) in zip(outs, runs, strict=True)
        ]
        finished: list[float] = []
        while any(process.poll() is None for process in processes):
            time.sleep(GLANCE)
            now, done = time.perf_counter(), sum(map(journalled, outs))
            finished += [now] * (done - len(finished))
        end = time.perf_counter()
        for process in processes:
            if process.returncode:
                raise SystemExit(f"{tokenizer}: a run has failed: {process.stderr.read().decode()[-2000:]}")  # type: ignore[union-attr]
    total = count * len(runs)
    steady = (total - workers) / (finished[-1] - finished[workers - 1])
    return Rate(steady, total / (end - start), (processor() - before) / total)


def begin(options: Sequence[object], cores: set[int]) -> subprocess.Popen[bytes]:
    """Start `eval` with one thread for every library, on some cores."""
    return subprocess.Popen(
        [sys.executable, "-m", "tokenbench", "eval", *map(str, options)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


def journalled(out: Path) -> int:
    """Clips that a run has finished so far."""
    journal = out / "journal.jsonl"
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def processor() -> float:
    """Seconds of the processor, of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[name for name, _, _ in CASES])
    options = parser.parse_args()
    first, second = sorted(os.sched_getaffinity(0))[:2]
    ways = {
        "one worker": [({first}, 1)],
        "two workers": [({first, second}, 2)],
        "two runs": [({first}, 1), ({second}, 1)],
    }
    with tempfile.TemporaryDirectory() as name:
        clips = Path(name, "clips")
        write_clips(clips, max(count for _, count, _ in CASES), LONGEST)
        print(f"{'':22}{'clips/s, steady':>17}{'ratio':>7}{'whole':>9}{'ratio':>7}{'CPU s/clip':>12}")
        for tokenizer, count, frames in CASES:
            if options.only not in (None, tokenizer):
                continue
            rates: dict[str, list[Rate]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, runs in ways.items():
                    rates[way].append(run(tokenizer, clips, count, frames, runs))
            print(f"{tokenizer}, {count} clips of {frames} frames")
            for way, measured in rates.items():
                print(f"  {way:20}{described(measured, rates['one worker'])}", flush=True)


def described(measured: Sequence[Rate], one: Sequence[Rate]) -> str:
    """Medians over the rounds, and the medians of the ratios of runs of the same round."""

    def ratio(field: str) -> float:
        return statistics.median(
            getattr(there, field) / getattr(here, field) for there, here in zip(measured, one, strict=True)
        )

    def median(field: str) -> float:
        return statistics.median(getattr(rate, field) for rate in measured)

    return (
        f"{median('steady'):17.3f}{ratio('steady'):7.2f}{median('whole'):9.3f}{ratio('whole'):7.2f}"
        f"{median('processor'):12.2f}"
    )


if __name__ == "__main__":
    main()
