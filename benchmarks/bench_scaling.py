"""The model of an evaluation's time: held against real runs here, and then asked about machines that are not here.

    python benchmarks/bench_scaling.py [--stages FILE] [--skip-check]

The check evaluates copies of one 720p clip on one core and on two. Predictions take the times of tokenizers on an A100
from Table 9 of the paper, the work of cores as measured here, and for the networks of metrics their operations over an
assumed rate. Everything is brought to frames of 720p by its number of pixels.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scaling_model import Machine, Stage, Work, demands, predict, workers_until_common

from tokenbench.datasets.catalog import open_dataset

TABLE_9 = Path(__file__).parents[1] / "reports/paper/table9.csv"

# Of Table 9's sizes.
PIXELS_720P, PIXELS_1024 = 720 * 1280, 1024 * 1024

# Operations a 720p frame: VGG-16 at 15.5 G multiplications for 224 x 224 (both sides); Inception at 5.7 G for 299 x 299
# and I3D at 108 G for 64 frames of 224 x 224 (a side each). Simonyan 2015, Szegedy 2016, Carreira 2017.
LPIPS_OPERATIONS = 2 * 2 * 15.5e9 * PIXELS_720P / 224**2
FID_OPERATIONS = 2 * 5.7e9
FVD_OPERATIONS = 2 * 108e9 / 64

# Half of what an A100 can do in float32 (19.5 T operations a second, NVIDIA's data sheet).
GPU_RATE = 0.5 * 19.5e12

# A shared file system.
BYTES_A_SECOND = 1e9

# Seconds: until all workers have their networks, and to put a result together.
START, END = 60, 10

# Of usual instances of clouds; where there are more GPUs, there are shards.
CORES_A_GPU, GPUS_A_MACHINE = 8, 8

# 500 clips by the authors' script: 100 each of 1920 x 1080, 1080 x 1080, 1280 x 720 and 640 x 360 with 300 frames, and
# of 640 x 480 with 38; in frames of 720p. H.264 at QP 28 or 20.
TOKENBENCH = Work(clips=500, frames=288.5, tokenizers=12)
TOKENBENCH_BYTES = 10e6
# Clips of 8.5 seconds at 28 frames a second, brought to 720p.
PANDA = Work(clips=1_000_000, frames=240)
PANDA_BYTES = 5e6

CHECKED = ("haar-4x8x8", "klt-4x8x8", "h264-crf23")


def stages_on_cores(measured: dict[str, Any], tokenizers: Sequence[str], size: str = "720p") -> list[Stage]:
    """Of an evaluation whose tokenizers run on cores too; their mean stands for each."""
    ways = [measured["tokenizer"][name] for name in tokenizers]
    through = statistics.fmean(times[size] for way in ways for name, times in way.items() if name.endswith("in eval"))
    return [
        *stages_of_frames(measured, size),
        Stage(name="tokenizer", resource="cores", frame_ms=through),
        Stage(name="PSNR, SSIM", resource="cores", frame_ms=measured["frame"]["all"]["PSNR and SSIM"][size]),
    ]


def stages_of_frames(measured: dict[str, Any], size: str = "720p") -> list[Stage]:
    """Those that are the same wherever tokenizers run."""
    frame = {name: times[size] for name, times in measured["frame"]["all"].items()}
    clip = {name: times[size] for name, times in measured["clip"]["all"].items()}
    return [
        Stage(name="decode", resource="cores", frame_ms=frame["decode"] + frame["traits"], shared=True),
        Stage(name="open", resource="worker", clip_ms=clip["open and probe"], shared=True),
        Stage(name="sample", resource="worker", clip_ms=clip["sample as PNG"]),
        Stage(name="journal", resource="command", clip_ms=clip["journal"] + clip["sample to disk"]),
    ]


def stages_on_gpus(measured: dict[str, Any], network_ms: float, clip_bytes: float, networks: bool) -> list[Stage]:
    """Of an evaluation whose tokenizers and metrics run on GPUs.

    Args:
        measured: what `bench_stages.py` wrote.
        network_ms: of a tokenizer on one GPU, a frame.
        clip_bytes: of a clip's file.
        networks: measure LPIPS, FID and FVD too.
    """
    perceptual = [
        Stage(name="LPIPS", resource="gpus", frame_ms=LPIPS_OPERATIONS / GPU_RATE * 1000),
        Stage(name="features", resource="gpus", frame_ms=(FID_OPERATIONS + FVD_OPERATIONS) / GPU_RATE * 1000),
        Stage(
            name="reference features",
            resource="gpus",
            frame_ms=(FID_OPERATIONS + FVD_OPERATIONS) / GPU_RATE * 1000,
            shared=True,
        ),
    ]
    return [
        *stages_of_frames(measured),
        Stage(name="read", resource="storage", clip_ms=clip_bytes / BYTES_A_SECOND * 1000, shared=True),
        Stage(name="tokenizer", resource="gpus", frame_ms=network_ms),
        *(perceptual if networks else []),
    ]


def published_times() -> dict[str, list[float]]:
    """Milliseconds a 720p frame of Table 9's tokenizers on an A100: those of Cosmos for video, and of all."""
    times: dict[str, dict[str, str]] = {}
    with TABLE_9.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            times.setdefault(f"{row['tokenizer']} {row['kind']}", {"modality": row["modality"]})[row["metric"]] = row[
                "value"
            ]
    every = {
        name: float(row["time_ms_per_image_or_frame"])
        * (1 if row["modality"] == "video" else PIXELS_720P / PIXELS_1024)
        for name, row in times.items()
    }
    cosmos = [ms for name, ms in every.items() if name.startswith("Cosmos") and times[name]["modality"] == "video"]
    return {"Cosmos video": cosmos, "all of Table 9": list(every.values())}


def evaluate(folder: Path, tokenizers: Sequence[str], frames: int, cores: set[int], dataset: str) -> float:
    """Seconds of an evaluation with a worker on each core, from the command to its result."""
    out = Path(tempfile.mkdtemp(dir=folder))
    options = ("--tokenizer", ",".join(tokenizers), "--frames", frames, "--workers", len(cores), "--dataset", dataset)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tokenbench", "eval", *map(str, options), "--out", str(out)],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return time.perf_counter() - start


def check(measured: dict[str, Any], clips: int, frames: int) -> None:
    """Print predicted and measured seconds."""
    first, second = sorted(os.sched_getaffinity(0))[:2]
    source = next(clip for clip in open_dataset("mini").clips if clip.id == "bigbuckbunny").path
    small = next(clip for clip in open_dataset("mini").clips if clip.id == "carphone").path
    print("\n| run | predicted (s) | measured (s) | ratio |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place in ("large", "small"):
            (folder / place).mkdir()
        for number in range(clips):
            shutil.copy(source, folder / f"large/{number:02d}.mp4")
        for number in range(2):
            shutil.copy(small, folder / f"small/{number}.mp4")
        for tokenizers in ([CHECKED[0]], [CHECKED[2]], list(CHECKED)):
            for cores in ({first}, {first, second}):
                # Two tiny clips of two frames: what is left is loading, and writing the result.
                start = evaluate(folder, tokenizers, 2, cores, str(folder / "small"))
                machine = Machine(workers=len(cores), cores=len(cores), start=start)
                work = Work(clips=clips, frames=frames, tokenizers=len(tokenizers))
                expected = predict(stages_on_cores(measured, tokenizers), work, machine).seconds
                found = evaluate(folder, tokenizers, frames, cores, str(folder / "large"))
                what = f"{', '.join(tokenizers)}; {len(cores)} worker{'s' * (len(cores) > 1)}"
                print(f"| {what} | {expected:.1f} | {found:.1f} | {expected / found:.2f} |", flush=True)


def foretell(measured: dict[str, Any]) -> None:
    """Print what the model says of larger machines."""
    counts = (1, 8, 64, 512)
    columns = ["work", *(f"{count} GPUs" for count in counts), "waits for", "busy GPUs", "no faster beyond"]
    print(f"\n| {' | '.join(columns)} |\n| --- |{' ---: |' * len(counts)} --- | ---: | --- |")
    for name, times in published_times().items():
        mean = statistics.fmean(times)
        for networks in (False, True):
            how = f"{name}, {mean:.0f} ms; {'LPIPS, FID, FVD too' if networks else 'PSNR, SSIM'}"
            few = stages_on_gpus(measured, mean, TOKENBENCH_BYTES, networks)
            show(f"500 clips, 12 tokenizers in one pass ({how})", few, TOKENBENCH, counts)
            show(f"500 clips, 12 tokenizers apart ({how})", few, replace(TOKENBENCH, together=False), counts)
            many = stages_on_gpus(measured, mean, PANDA_BYTES, networks)
            show(f"1 M clips, 1 tokenizer ({how})", many, PANDA, counts)


def show(title: str, stages: Sequence[Stage], work: Work, counts: Sequence[int]) -> None:
    """A row: time and GPU hours for each number of GPUs, what these wait for, and where more of them help no more."""
    machines = [
        Machine(
            workers=gpus,
            cores=gpus * CORES_A_GPU,
            gpus=gpus,
            start=START,
            end=END + (merging(stages, work) if gpus > GPUS_A_MACHINE else 0),
        )
        for gpus in counts
    ]
    predictions = [predict(stages, work, machine) for machine in machines]
    cells = [
        f"{clock(prediction.seconds)} ({prediction.seconds / 3600 * gpus:,.0f})"
        for gpus, prediction in zip(counts, predictions, strict=True)
    ]
    waits = ", ".join(dict.fromkeys(each.saturated for each in predictions))
    busy = " to ".join(f"{each.busy['gpus']:.0%}" for each in (predictions[0], predictions[-1]))
    limit = workers_until_common(stages, replace(work, tokenizers=work.tokenizers if work.together else 1), machines[0])
    end = f"{limit[0]:,.0f} ({limit[1]})" if limit else ""
    print(f"| {title} | {' | '.join(cells)} | {waits} | {busy} | {end} |")


def merging(stages: Sequence[Stage], work: Work) -> float:
    """Seconds in which shards are put together, for one tokenizer: every clip is written down once more."""
    return demands(stages, replace(work, tokenizers=1))["command"] * work.clips


def clock(seconds: float) -> str:
    """In the unit that suits."""
    hours = seconds / 3600
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--stages", type=Path, default=Path("runs/bench-stages.json"), help="of bench_stages.py; measured where missing"
    )
    parser.add_argument("--clips", type=int, default=12, help="of the check")
    parser.add_argument("--frames", type=int, default=33, help="of each of them")
    parser.add_argument("--skip-check", action="store_true", help="only predict")
    options = parser.parse_args()
    if not options.stages.exists():
        script = Path(__file__).with_name("bench_stages.py")
        subprocess.run([sys.executable, str(script), "--out", str(options.stages)], check=True)
    measured = json.loads(options.stages.read_text())
    if not options.skip_check:
        check(measured, options.clips, options.frames)
    foretell(measured)


if __name__ == "__main__":
    main()
