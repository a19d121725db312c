"""What a store saves: a second tokenizer, an added metric, and other workers, with a store and without.

    python benchmarks/bench_store.py [--frames N]

Evaluates the embedded data set by the command, one process a run, and prints seconds. The network that sets stand on
comes in a package: nothing is fetched.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av

from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.clip import Clip
from tokenbench.media.writer import LosslessWriter
from tokenbench.store import Store

# Carried by a package, so that nothing is fetched.
METRICS = "psnr,ssim,fd-efficientnet-lite0"


def evaluate(folder: Path, name: str, *options: str) -> float:
    """Seconds of a run, its start included."""
    command = [sys.executable, "-m", "tokenbench", "eval", "--out", str(folder / name), *options]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def time_case(folder: Path, name: str, before: Sequence[str], then: Sequence[str]) -> tuple[float, float]:
    """Seconds of a run without a store, and with one in which another run has kept what it did."""
    store = ("--store", str(folder / f"{name}-store"))
    evaluate(folder, f"{name}-before", *before, *store)
    return evaluate(folder, f"{name}-without", *then), evaluate(folder, f"{name}-with", *then, *store)


def time_frames(folder: Path, clip: Clip, frames: int) -> tuple[float, float, float]:
    """Milliseconds a frame to decode a clip, and to read it back from FFV1; the size of that over the clip's."""
    path = folder / "frames.mkv"
    with LosslessWriter(path, clip.height, clip.width, clip.fps) as writer:
        for chunk in clip.chunks(16, frames=frames):
            writer.write(chunk)
    seconds = []
    for each in (clip, Clip(id="frames", domain="", path=path, kind="video").probed()):
        start = time.perf_counter()
        count = sum(len(chunk) for chunk in each.chunks(16, frames=frames))
        seconds.append((time.perf_counter() - start) / count * 1000)
    with av.open(str(clip.path)) as container:
        packets = [packet.size for packet, _ in zip(container.demux(video=0), range(frames), strict=False)]
    return seconds[0], seconds[1], path.stat().st_size / sum(packets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=17, help="of each clip")
    frames = parser.parse_args().frames
    network = ["--tokenizer", "cosmos-cv-4x8x8-mini", "--frames", str(frames)]
    linear = ["--tokenizer", "klt-4x8x8", "--frames", str(frames)]
    cases = {
        "second tokenizer": ([*linear, "--metrics", METRICS], [*network, "--metrics", METRICS]),
        "added metric": (network, [*network, "--metrics", "psnr,ssim,flicker"]),
        "other workers": (network, [*network, "--workers", "2"]),
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print(f"{'':18} without    with  ratio")
        for name, (before, then) in cases.items():
            without, using = time_case(folder, name.replace(" ", "-"), before, then)
            print(f"{name:18} {without:6.1f} s {using:6.1f} s {without / using:5.1f}")
        total = sum(entry.size for entry in Store(folder / "second-tokenizer-store").entries())
        print(f"store of the second tokenizer: {total / 1e6:.1f} MB for {len(open_dataset('mini').clips)} clips, twice")
        clip = next(clip for clip in open_dataset("mini").clips if clip.id == "bigbuckbunny").probed()
        decoded, read, size = time_frames(folder, clip, frames)
        print(
            f"frames of {clip.id}: {decoded:.2f} ms decoded, {read:.2f} ms read from FFV1 of {size:.0f} times the size"
        )


if __name__ == "__main__":
    main()
