"""What each stage of an evaluation costs on one core of this machine.

    python benchmarks/bench_stages.py [--out FILE]

Times are those of the processor, so that other programs disturb them little; of what ends on the disk, those of the
clock. Networks of metrics have their true architecture and random weights: nothing is fetched, and time does not
depend on weights. Prints a table, and writes JSON for `bench_scaling.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before libraries are loaded.
os.environ["OMP_NUM_THREADS"] = "1"

import lpips
import numpy as np
import torch
from i3d_shape import I3DShape
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models import inception_v3

from tokenbench import load_tokenizer
from tokenbench.datasets.catalog import open_dataset
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.journal import Journal
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.samples import SampleFrame, write_sample
from tokenbench.evaluation.streams import open_stream, streams_itself
from tokenbench.evaluation.token_meter import TokenMeter
from tokenbench.evaluation.windows import Compute, decode_window, encode_window, window_margins
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.media.stamp import stamp
from tokenbench.metrics import PixelScores
from tokenbench.metrics.feature_meters import ClipFeatures, FrameFeatures
from tokenbench.metrics.perceptual import LpipsScores
from tokenbench.metrics.traits import ClipTraits
from tokenbench.networks.lpips import LpipsDistance

Frames = NDArray[np.uint8]

SIZES = {"720p": "bigbuckbunny", "176x144": "carphone"}
TOKENIZERS = ("haar-4x8x8", "klt-4x8x8", "h264-crf23", "cosmos-cv-4x8x8-mini")
FRAMES = 33
# Of networks, where a frame takes seconds.
WINDOW, FEW = 9, 2

CPU = torch.device("cpu")
COMPUTE = Compute(CPU, torch.float32)

# Enough repeats for a median, unless one takes too long.
REPEATS, PATIENCE = 5, 8.0


class Inception:
    """FID's network but for the kind of some poolings, untrained: N x H x W x 3 to N x 2048."""

    device = CPU

    def __init__(self) -> None:
        self._network = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False).eval()
        self._network.fc = torch.nn.Identity()

    def __call__(self, samples: Tensor) -> Tensor:
        """Of 8-bit frames."""
        images = samples.permute(0, 3, 1, 2).float() / 127.5 - 1
        return self._network(torch.nn.functional.interpolate(images, (299, 299), mode="bilinear"))


class I3D:
    """FVD's network, untrained: 1 x 3 x T x 224 x 224 to 1 x 400."""

    device = CPU

    def __init__(self) -> None:
        self._network = I3DShape().eval()

    def __call__(self, samples: Tensor) -> Tensor:
        """Of a clip as `ClipFeatures` prepares it."""
        return self._network(samples)


def cost(work: Callable[[], object], count: int, clock: Callable[[], float] = time.process_time) -> float:
    """Milliseconds a piece, the median of repeats after one that warms up; of slow work, that one."""
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) <= REPEATS and (not times or time.perf_counter() - begun < PATIENCE):
        start = clock()
        work()
        times.append((clock() - start) / count * 1000)
    return statistics.median(times[1:] or times)


def stages_of(clip: Clip) -> Iterator[tuple[str, float]]:
    """Milliseconds a frame, of the stages that are the same for all tokenizers."""
    size = chunk_frames(clip.height, clip.width)
    yield "decode", cost(lambda: exhaust(clip.chunks(size, frames=FRAMES)), FRAMES)
    x = np.concatenate(list(clip.chunks(size, frames=FRAMES)))
    y = changed(x)
    yield "traits", cost(lambda: ClipTraits().update(x), FRAMES)
    yield "to float", cost(lambda: to_float(x), FRAMES)
    video = to_float(x)
    yield "to 8 bits", cost(lambda: to_uint8(video), FRAMES)
    yield "PSNR and SSIM", cost(lambda: PixelScores().update(x, y), FRAMES)
    distance = LpipsDistance("lpips-vgg", lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval(), CPU, 16)
    yield "LPIPS (VGG)", cost(lambda: measure_lpips(distance, x[:FEW], y[:FEW]), FEW)
    inception = Inception()
    yield "FID features, a side", cost(lambda: through(FrameFeatures(inception), x[:16]), 16)
    i3d = I3D()
    yield "FVD features, a side", cost(lambda: through(ClipFeatures(i3d), x), FRAMES)


def stages_of_tokenizer(name: str, clip: Clip) -> Iterator[tuple[str, float]]:
    """Milliseconds a frame: of both halves in one call each, and of a clip on the way that it takes in `eval`."""
    tokenizer = load_tokenizer(name, device=CPU, dtype=torch.float32)
    is_codec = tokenizer.info.kind == "codec"
    count = FRAMES if is_codec else WINDOW
    frames = np.concatenate(list(clip.chunks(16, frames=count)))
    video, margins = to_float(frames), window_margins(tokenizer, to_float(frames))
    with torch.inference_mode():
        tokens = encode_window(tokenizer, video)
        size = tuple(video.shape[2:])
        yield "encode", cost(lambda: encode_window(tokenizer, video), count)
        yield "decode tokens", cost(lambda: decode_window(tokenizer, tokens, size, margins), count)

    def whole() -> None:
        meter = TokenMeter(tokenizer.info, "video", coded=False)
        stream = open_stream(tokenizer, COMPUTE, fps=clip.fps, on_tokens=None if is_codec else meter.update)
        step = chunk_frames(clip.height, clip.width)
        for start in range(0, count, step):
            stream.push(frames[start : start + step])
        stream.flush()
        meter.attached()

    yield ("streamed, as in eval" if streams_itself(tokenizer) else "windows, as in eval"), cost(whole, count)


def stages_of_clip(clip: Clip) -> Iterator[tuple[str, float]]:
    """Milliseconds a clip, whatever its length: of the worker, and of the command, by the clock."""
    x = np.concatenate(list(clip.chunks(16, frames=2)))

    def take_sample() -> object:
        sample = SampleFrame(0)
        sample.update(x, changed(x))
        return sample.sample()

    yield "open and probe", cost(lambda: (stamp(clip), clip.probed()), 1)
    yield "sample as PNG", cost(take_sample, 1)
    sample: Any = take_sample()
    record = ClipRecord.of(clip, 300, {"psnr": 30.0, "ssim": 0.9}, squared_errors=[12345678] * 300)
    features = np.zeros((300, 2, 2048), np.float32).tobytes()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        with Journal(Path(name), "benchmark") as journal:
            yield "journal", cost(lambda: journal.add(record, {}), 1, time.perf_counter)
        attachments = Attachments(Path(name, "attached"))
        yield "FID features of 300 frames", cost(lambda: attachments.append({"a": features}), 1, time.perf_counter)
        yield "sample to disk", cost(lambda: write_sample(Path(name), 0, sample), 1, time.perf_counter)


def changed(frames: Frames) -> Frames:
    """A reconstruction that is off a little everywhere."""
    return frames ^ np.uint8(3)


def exhaust(items: Iterator[object]) -> None:
    for _ in items:
        pass


def measure_lpips(distance: LpipsDistance, x: Frames, y: Frames) -> dict[str, float]:
    scores = LpipsScores("lpips", distance)
    scores.update(x, y)
    return scores.values()


def through(side: FrameFeatures | ClipFeatures, frames: Frames) -> Frames:
    side.update(frames)
    return side.features()  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-stages.json"))
    out = parser.parse_args().out
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    clips = {
        size: clip.probed() for size, name in SIZES.items() for clip in open_dataset("mini").clips if clip.id == name
    }
    print(f"one core of {processor()}, torch {torch.__version__}; milliseconds")
    measured: dict[str, Any] = {"machine": processor(), "frame": {}, "tokenizer": {}, "clip": {}}
    for size, clip in clips.items():
        rows = {"frame": stages_of(clip), "clip": stages_of_clip(clip)}
        rows |= {f"tokenizer {name}": stages_of_tokenizer(name, clip) for name in TOKENIZERS}
        for title, stages in rows.items():
            for stage, milliseconds in stages:
                print(f"{size:8} {title:32} {stage:28} {milliseconds:10.3f}", flush=True)
                place = measured[title.split()[0]].setdefault(title.partition(" ")[2] or "all", {})
                place.setdefault(stage, {})[size] = round(milliseconds, 4)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(measured, indent=1) + "\n")
    print(f"written to {out}")


def processor() -> str:
    """As Linux names it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
