"""Runs as `tokenbench eval` writes them, with numbers computed from real photographs and a real clip."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tokenbench.media.clip import Clip

Frame = NDArray[np.uint8]
# A frame's reconstruction, and the bits that it took.
Codec = Callable[[Frame], tuple[Frame, float]]

METRICS = {"psnr": "dB", "ssim": "", "bits_per_pixel": "bits/pixel"}


@dataclass(frozen=True)
class SourceClip:
    """A few frames of a real clip, or one photograph."""

    name: str
    domain: str
    fps: float
    frames: tuple[Frame, ...]


def photograph(name: str, width: int = 160) -> SourceClip:
    image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    return SourceClip(f"photo/{name}", "photograph", 0.0, (np.asarray(image),))


def video(path: str, name: str, start: int, count: int = 4, width: int = 176) -> SourceClip:
    frames = []
    with av.open(path) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= start + count:
                break
            if index >= start:
                height = round(frame.height * width / frame.width)
                frames.append(frame.reformat(width, height, "rgb24").to_ndarray())
    return SourceClip(f"video/{name}", "talk" if "phone" in name else "animation", 25.0, tuple(frames))


@pytest.fixture(scope="session")
def clips(mini: dict[str, Clip]) -> list[SourceClip]:
    phone, rabbit = (str(mini[name].path) for name in ("carphone", "bigbuckbunny"))
    return [
        *(video(phone, f"phone-{start}", start) for start in (0, 40, 80)),
        video(rabbit, "rabbit", 60),
        *map(photograph, ("astronaut", "chelsea", "coffee", "rocket")),
    ]


def identity(frame: Frame) -> tuple[Frame, float]:
    return frame, 24.0 * frame.shape[0] * frame.shape[1]


def jpeg(quality: int) -> Codec:
    def code(frame: Frame) -> tuple[Frame, float]:
        data = io.BytesIO()
        Image.fromarray(frame).save(data, "JPEG", quality=quality)
        return np.asarray(Image.open(data)), 8.0 * len(data.getvalue())

    return code


def shrink(factor: int) -> Codec:
    """Block means, each channel a 16-bit value: the simplest of continuous tokenizers."""

    def code(frame: Frame) -> tuple[Frame, float]:
        height, width = frame.shape[:2]
        small = Image.fromarray(frame).resize((width // factor, height // factor), Image.Resampling.BOX)
        large = small.resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(large), 48.0 * small.width * small.height

    return code


def palette(factor: int, levels: int = 8) -> Codec:
    """Block means rounded to a fixed palette: discrete tokens."""

    def code(frame: Frame) -> tuple[Frame, float]:
        means, _ = shrink(factor)(frame)
        step = 256 / levels
        coarse = np.clip((np.floor(means / step) + 0.5) * step, 0, 255).astype(np.uint8)
        tokens = (frame.shape[0] // factor) * (frame.shape[1] // factor)
        return coarse, tokens * 3 * math.log2(levels)

    return code


def stored(code: Codec) -> Codec:
    """Results go through 4:2:0 before they are scored."""

    def both(frame: Frame) -> tuple[Frame, float]:
        result, bits = code(frame)
        planes = av.VideoFrame.from_ndarray(result, format="rgb24").reformat(format="yuv420p")
        return planes.reformat(format="rgb24").to_ndarray(), bits

    return both


def tokenizer(name: str, kind: str, factor: int = 1, **fields: Any) -> dict[str, Any]:
    """A tokenizer's part of a result."""
    record = {
        "name": name,
        "kind": kind,
        "modality": "image",
        "compression": [1, factor, factor],
        "latent_channels": None,
        "vocabulary": None,
        "bits_per_pixel": None,
        "parameters": 0,
        "license": "Apache-2.0",
        "weights": "none",
        "source": "https://example.org/paper",
        "description": f"{name} of the tests",
        "weights_sha256": None,
    }
    return record | fields


def interval_of_mean(values: list[float], unit: str) -> dict[str, Any]:
    """Mean and normal 95 % interval, as a result states them."""
    if not values:
        return {"value": None, "unit": unit, "ci95": [None, None], "n": 0}
    mean = statistics.fmean(values)
    spread = 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"value": mean, "unit": unit, "ci95": [mean - spread, mean + spread], "n": len(values)}


def score(clip: SourceClip, code: Codec) -> tuple[dict[str, float], list[Frame]]:
    """Means over a clip's frames, and its reconstruction."""
    psnr, ssim, bits, results = [], [], 0.0, []
    for frame in clip.frames:
        result, taken = code(frame)
        same = np.array_equal(frame, result)
        psnr.append(100.0 if same else peak_signal_noise_ratio(frame, result))
        ssim.append(structural_similarity(frame, result, channel_axis=2))
        bits += taken
        results.append(result)
    pixels = sum(frame.shape[0] * frame.shape[1] for frame in clip.frames)
    rate = bits / pixels
    return {"psnr": statistics.fmean(psnr), "ssim": statistics.fmean(ssim), "bits_per_pixel": rate}, results


def write_run(
    folder: Path,
    record: dict[str, Any],
    clips: Iterable[SourceClip],
    code: Codec,
    storage: str = "none",
    failing: tuple[str, ...] = (),
) -> Path:
    """Evaluate `code` over `clips` and write the folder as `tokenbench eval` does."""
    (folder / "samples").mkdir(parents=True)
    clips = list(clips)
    scored = {
        clip.name: (clip, *score(clip, stored(code) if storage == "yuv420p" else code))
        for clip in clips
        if clip.name not in failing
    }
    (folder / "result.json").write_text(json.dumps(_result(record, clips, scored, storage, folder), indent=1))
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "domain", "frames", "height", "width", "fps", *METRICS])
        for clip, scores, _ in scored.values():
            height, width = clip.frames[0].shape[:2]
            row = [clip.name, clip.domain, len(clip.frames), height, width, clip.fps]
            writer.writerow([*row, *(scores[name] for name in METRICS)])
    return folder


def _result(
    record: dict[str, Any],
    clips: list[SourceClip],
    scored: dict[str, tuple[SourceClip, dict[str, float], list[Frame]]],
    storage: str,
    folder: Path,
) -> dict[str, Any]:
    def metrics(kinds: set[bool]) -> dict[str, Any]:
        chosen = [scores for clip, scores, _ in scored.values() if (clip.fps == 0) in kinds]
        return {name: interval_of_mean([scores[name] for scores in chosen], unit) for name, unit in METRICS.items()}

    photographs = sum(clip.fps == 0 for clip, *_ in scored.values())
    protocol = "paper/1" if storage == "none" else f"paper/1+storage={storage}"
    return {
        "schema": "tokenbench.result/1",
        "tokenizer": record,
        "dataset": {
            "name": "tiny-mixed",
            "protocol": protocol,
            "clips": len(scored),
            "frames": sum(len(clip.frames) for clip, *_ in scored.values()),
            "manifest_sha256": "6a1f" * 16,
        },
        "protocol": {
            "name": "paper",
            "version": 1,
            "frames": None,
            "storage": storage,
            "psnr": "10 log10(255^2 / MSE) of uint8 RGB frames, mean over frames, then over clips",
            "ssim": "scikit-image structural_similarity, 7 x 7 window, mean over channels",
        },
        "metrics": metrics({True, False}),
        "media": {
            "video": {"clips": len(scored) - photographs, "metrics": metrics({False})},
            "image": {"clips": photographs, "metrics": metrics({True})},
        },
        "failed": [
            {"clip": clip.name, "error": "decoder: 3 of 4 frames are damaged"}
            for clip in clips
            if clip.name not in scored
        ],
        "samples": _write_samples(scored, folder),
        "environment": {
            "tokenbench": "0.1.0",
            "python": "3.11.9",
            "command": f"tokenbench eval {record['name']}",
        },
    }


def _write_samples(
    scored: dict[str, tuple[SourceClip, dict[str, float], list[Frame]]], folder: Path
) -> list[dict[str, Any]]:
    """Worst, median and best by PSNR, videos and photographs apart."""
    samples = []
    for kind in ("video", "image"):
        chosen = [item for item in scored.values() if (item[0].fps == 0) == (kind == "image")]
        ranking = sorted(chosen, key=lambda item: item[1]["psnr"])
        for rank, place in (("worst", 0), ("median", len(ranking) // 2), ("best", -1)):
            clip, scores, frames = ranking[place]
            paths = {which: f"samples/{kind}-{rank}-{which}.png" for which in ("reference", "reconstruction")}
            Image.fromarray(clip.frames[0]).save(folder / paths["reference"])
            Image.fromarray(frames[0]).save(folder / paths["reconstruction"])
            samples.append({"rank": rank, "clip": clip.name, "kind": kind, "frame": 0, "psnr": scores["psnr"], **paths})
    return samples


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, clips: list[SourceClip]) -> dict[str, Path]:
    """Runs of several kinds over the same clips; one of them fails on a clip."""
    root = tmp_path_factory.mktemp("runs")
    sketch = tokenizer("palette-D-1x4x4", "discrete", 4, vocabulary=512, parameters=1536)
    means = tokenizer("means-C-1x4x4", "continuous", 4, latent_channels=3, parameters=83_700_000)
    return {
        "identity": write_run(
            root / "identity", tokenizer("identity", "continuous", bits_per_pixel=24.0), clips, identity
        ),
        "jpeg-q20": write_run(root / "jpeg-q20", tokenizer("jpeg-q20", "codec"), clips, jpeg(20)),
        "jpeg-q70": write_run(root / "jpeg-q70", tokenizer("jpeg-q70", "codec"), clips, jpeg(70)),
        "means": write_run(root / "means", means, clips, shrink(4)),
        "palette": write_run(root / "palette", sketch, clips, palette(4), failing=("photo/rocket",)),
        "identity-420": write_run(
            root / "identity-420",
            tokenizer("identity", "continuous", bits_per_pixel=24.0),
            clips,
            identity,
            storage="yuv420p",
        ),
        "jpeg-q70-420": write_run(
            root / "jpeg-q70-420", tokenizer("jpeg-q70", "codec"), clips, jpeg(70), storage="yuv420p"
        ),
        "means-420": write_run(root / "means-420", means, clips, shrink(4), storage="yuv420p"),
    }


@pytest.fixture
def change(tmp_path: Path) -> Callable[..., Path]:
    """A copy of a run's result.json, edited: `change(run, function)`; the other files stay away.

    A brief one keeps the photographs' PSNR alone, and so two figures of eight.
    """

    def copy(
        run: Path, edit: Callable[[dict[str, Any]], object], name: str = "changed", *, brief: bool = False
    ) -> Path:
        result = json.loads((run / "result.json").read_text())
        if brief:
            del result["media"]["video"], result["media"]["image"]["metrics"]["ssim"], result["metrics"]["ssim"]
        edit(result)
        folder = tmp_path / name
        folder.mkdir()
        (folder / "result.json").write_text(json.dumps(result))
        return folder

    return copy
