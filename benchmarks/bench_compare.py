"""`tokenbench compare` on a 1080p pair, beside a loop that holds both clips whole and calls scikit-image.

    python benchmarks/bench_compare.py [--frames N]

Prints milliseconds per frame, the ratio, the differences in PSNR and SSIM, how much decoding and scoring overlap, and
the peak memory of the command on a clip of N and of 4 N frames.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

from tokenbench.datasets.catalog import open_dataset
from tokenbench.evaluation.compare import score_pair
from tokenbench.evaluation.protocol import Protocol
from tokenbench.media.clip import chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.media.video import read_chunks
from tokenbench.metrics import PixelScores

WIDTH, HEIGHT = 1920, 1080


def write_pair(folder: Path, frames: int) -> tuple[Path, Path]:
    """Two encodings of real frames, scaled to 1080p."""
    clip = next(clip for clip in open_dataset("mini").clips if clip.id == "bigbuckbunny")
    source = np.concatenate(list(clip.chunks(16, frames=48)))
    paths = folder / "reference.mp4", folder / "reconstruction.mp4"
    for path, quality in zip(paths, ("18", "30"), strict=True):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": quality, "preset": "fast"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for index in range(frames):
                image = Image.fromarray(source[index % len(source)]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
                container.mux(stream.encode(av.VideoFrame.from_image(image)))
            container.mux(stream.encode(None))
    return paths


def whole_clip_loop(reference: Path, reconstruction: Path) -> tuple[float, float]:
    """The peer: decode both, then PSNR of the clip and SSIM frame by frame in float32."""
    clips = []
    for path in (reference, reconstruction):
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24", interpolation="BICUBIC") for frame in container.decode(video=0)]
        clips.append(np.stack(frames).astype(np.float32))
    x, y = clips
    mse = np.mean([np.mean((a - b) ** 2, dtype=np.float64) for a, b in zip(x, y, strict=True)])
    ssim = [structural_similarity(a, b, data_range=255, channel_axis=-1) for a, b in zip(x, y, strict=True)]
    return float(20 * np.log10(255 / (np.sqrt(mse) + np.finfo(np.float32).eps))), float(np.mean(ssim))


def decode_alone(reference: Path, reconstruction: Path) -> float:
    """Seconds to decode both files side by side, as the command does, and throw the frames away."""
    size = chunk_frames(HEIGHT, WIDTH)
    start = time.perf_counter()
    sides = [prefetch(read_chunks(path, size)) for path in (reference, reconstruction)]
    for _ in zip(*sides, strict=True):
        pass
    return time.perf_counter() - start


def score_alone(reference: Path, reconstruction: Path, frames: int) -> float:
    """Seconds to score as many frames, which are in memory already."""
    size = chunk_frames(HEIGHT, WIDTH)
    pair = [next(iter(read_chunks(path, size))) for path in (reference, reconstruction)]
    scores = PixelScores()
    start = time.perf_counter()
    while scores.frames < frames:
        scores.update(*(side[: frames - scores.frames] for side in pair))
    return time.perf_counter() - start


_PEAK_OF_COMMAND = """
import re, sys
from pathlib import Path
from tokenbench.cli import run
code = run(sys.argv[2:])
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


def peak_megabytes(reference: Path, reconstruction: Path, out: Path) -> float:
    """Of the command as a whole process (Linux)."""
    peak = out.with_suffix(".peak")
    arguments = ["compare", str(reference), str(reconstruction), "--out", str(out)]
    subprocess.run([sys.executable, "-c", _PEAK_OF_COMMAND, str(peak), *arguments], check=True, capture_output=True)
    return int(peak.read_text()) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=48)
    frames = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = write_pair(folder, frames)
        score_pair("warm-up", *pair, Protocol(frames=2))
        start = time.perf_counter()
        ours = score_pair("pair", *pair, Protocol()).record.values
        middle = time.perf_counter()
        psnr, ssim = whole_clip_loop(*pair)
        end = time.perf_counter()
        ours_ms, peer_ms = (1000 * seconds / frames for seconds in (middle - start, end - middle))
        print(f"1080p pair, {frames} frames")
        print(f"scikit-image loop    {peer_ms:8.1f} ms/frame   PSNR {psnr:.4f} dB   SSIM {ssim:.6f}")
        print(f"tokenbench compare   {ours_ms:8.1f} ms/frame   PSNR {ours['psnr']:.4f} dB   SSIM {ours['ssim']:.6f}")
        gaps = abs(psnr - ours["psnr"]), abs(ssim - ours["ssim"])
        print(f"ratio {peer_ms / ours_ms:.1f}; PSNR differs by {gaps[0]:.1e} dB, SSIM by {gaps[1]:.1e}")
        alone = decode_alone(*pair), score_alone(*pair, frames)
        print(
            f"decoding alone {1000 * alone[0] / frames:.1f} ms/frame, scoring alone {1000 * alone[1] / frames:.1f}; "
            f"both together take {(middle - start) / max(alone):.2f} times the larger"
        )
        own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of this process, the loop's: {own_peak:.0f} MB")
        for length in (frames, 4 * frames):
            part = folder / str(length)
            part.mkdir()
            peak = peak_megabytes(*write_pair(part, length), part / "result.json")
            scored = json.loads((part / "result.json").read_text())["dataset"]["frames"]
            print(f"peak memory of the command over {scored} frames: {peak:.0f} MB")


if __name__ == "__main__":
    main()
