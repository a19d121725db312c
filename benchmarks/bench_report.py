"""How long a large report takes to build and to open, and how large it is: 30 runs over 500 clips.

    python benchmarks/bench_report.py

The runs are made up: their numbers are random, their pictures photographs of scikit-image. They have what an evaluation
with five metrics writes: result.json with domains, clips.csv, frames.csv and samples of 1280 x 720.
"""

from __future__ import annotations

import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

RUNS, CLIPS, FRAMES = 30, 500, 49
DOMAINS = ("driving", "egocentric", "robotics", "web")
# Mean and spread over clips; a step better or worse from run to run.
METRICS = {"psnr": ("dB", 32.0, 4.0), "ssim": ("", 0.9, 0.04), "ms-ssim": ("", 0.95, 0.02), "lpips": ("", 0.12, 0.04)}
COLUMNS = (
    "clip",
    "domain",
    "frames",
    "height",
    "width",
    "fps",
    *METRICS,
    "bits_per_pixel",
    "ti",
    "si",
    "luma",
    "source",
)
GRIDS = ((4, 8, 8), (8, 8, 8), (8, 16, 16))

Run = dict[str, Any]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-report-"))
    try:
        runs = [make_run(folder / "runs" / f"run-{number:02}", number) for number in range(RUNS)]
        seconds = build(runs, folder / "report")
        page = folder / "report" / "index.html"
        print(
            f"{RUNS} runs x {CLIPS} clips: built in {seconds:.1f} s; the page has {page.stat().st_size / 1e6:.1f} MB,"
        )
        files = [path.stat().st_size for path in (folder / "report" / "media").glob("*")]
        print(f"and {sum(files) / 1e6:.1f} MB in {len(files)} pictures lie beside it")
        print(opened(page, folder / "profile"))
    finally:
        shutil.rmtree(folder)


def build(runs: list[Path], out: Path) -> float:
    """Seconds of the whole command, Python's start included."""
    line = [sys.executable, "-m", "tokenbench", "report", *map(str, runs), "--out", str(out)]
    start = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def opened(page: Path, profile: Path) -> str:
    """How long Chromium takes until the page's script has ended, over an empty page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return "no Chromium here: how fast the page opens was not measured"
    empty = page.with_name("empty.html")
    empty.write_text("<!DOCTYPE html><title>empty</title>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]

    def once(file: Path) -> float:
        start = time.perf_counter()
        subprocess.run([browser, *flags, file.as_uri()], check=True, capture_output=True)
        return time.perf_counter() - start

    once(empty)  # makes the profile
    full, bare = (statistics.median(once(file) for _ in range(3)) for file in (page, empty))
    return f"opens in {full - bare:.1f} s (Chromium with an empty page: {bare:.1f} s)"


def make_run(folder: Path, number: int) -> Path:
    generator = np.random.default_rng(number)
    hardness = np.random.default_rng(10_000).normal(0, 1, CLIPS)
    kind = ("continuous", "discrete", "codec")[number % 3]
    rate = 0.02 * 1.3**number
    scores = {
        name: mean + spread * (hardness + 0.05 * number + generator.normal(0, 0.3, CLIPS))
        for name, (_, mean, spread) in METRICS.items()
    }
    scores["bits_per_pixel"] = np.full(CLIPS, rate)
    (folder / "samples").mkdir(parents=True)
    write_clips(folder / "clips.csv", scores)
    write_frames(folder / "frames.csv", scores["psnr"], generator)
    result = {
        "schema": "tokenbench.result/1",
        "tokenizer": {
            "name": f"codec{number // 6}-crf{number}" if kind == "codec" else f"tokenizer-{number:02}",
            "kind": kind,
            "modality": "video",
            "compression": [1, 1, 1] if kind == "codec" else list(GRIDS[number % len(GRIDS)]),
            "parameters": 80_000_000 + number,
            "weights_sha256": f"{number:064x}",
        },
        "dataset": {
            "name": "made-up",
            "protocol": "paper/1",
            "clips": CLIPS,
            "frames": CLIPS * FRAMES,
            "manifest_sha256": "0" * 64,
        },
        "protocol": {"name": "paper", "version": 1, "storage": "none"},
        "metrics": means(scores, slice(None)),
        "media": {
            "video": {
                "clips": CLIPS,
                "metrics": means(scores, slice(None)) | {"fvd": set_value(200 / (1 + number))},
                "domains": {
                    domain: {"clips": CLIPS // len(DOMAINS), "metrics": means(scores, slice(place, None, len(DOMAINS)))}
                    for place, domain in enumerate(DOMAINS)
                },
            }
        },
        "samples": write_samples(folder, number, scores["psnr"]),
        "environment": {"tokenbench": "0", "device": "cpu", "command": f"tokenbench eval --tokenizer {number}"},
    }
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def means(scores: dict[str, np.ndarray], chosen: slice) -> Run:
    found = {}
    for name, values in scores.items():
        mean, error = values[chosen].mean(), values[chosen].std() / np.sqrt(len(values[chosen]))
        ends = [float(mean - 1.96 * error), float(mean + 1.96 * error)]
        found[name] = {"value": float(mean), "unit": "", "ci95": ends, "n": len(values[chosen])}
    return found


def set_value(value: float) -> Run:
    return {"value": value, "unit": "", "ci95": [value * 0.9, value * 1.1], "n": CLIPS, "rank": CLIPS - 1}


def write_clips(path: Path, scores: dict[str, np.ndarray]) -> None:
    traits = np.random.default_rng(1).uniform(1, 100, (CLIPS, 3))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(CLIPS):
            values = [scores[name][i] for name in (*METRICS, "bits_per_pixel")]
            size = (1080, 1920) if i % 3 else (720, 1280)
            domain = DOMAINS[i % len(DOMAINS)]
            writer.writerow([f"{domain}/{i:04}", domain, FRAMES, *size, 30.0, *values, *traits[i], ""])


def write_frames(path: Path, psnr: np.ndarray, generator: np.random.Generator) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "frame", "psnr"])
        for i in range(CLIPS):
            series = psnr[i] + generator.normal(0, 0.4, FRAMES)
            name = f"{DOMAINS[i % len(DOMAINS)]}/{i:04}"
            writer.writerows((name, frame, f"{value:.4f}") for frame, value in enumerate(series))


def write_samples(folder: Path, number: int, psnr: np.ndarray) -> list[Run]:
    order = np.argsort(psnr)
    samples = []
    for rank, place in (("worst", 0), ("median", CLIPS // 2), ("best", -1)):
        reference = Image.fromarray(skimage.data.astronaut()).resize((1280, 720))
        noise = np.random.default_rng(number).normal(0, 6, (720, 1280, 3))
        coded = Image.fromarray(np.clip(np.asarray(reference) + noise, 0, 255).astype(np.uint8))
        paths = {side: f"samples/{rank}-{side}.png" for side in ("reference", "reconstruction")}
        reference.save(folder / paths["reference"], compress_level=1)
        coded.save(folder / paths["reconstruction"], compress_level=1)
        clip = int(order[place])
        name = f"{DOMAINS[clip % len(DOMAINS)]}/{clip:04}"
        samples.append({"rank": rank, "clip": name, "kind": "video", "frame": 0, "psnr": float(psnr[clip]), **paths})
    return samples


if __name__ == "__main__":
    main()
