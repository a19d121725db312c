"""Few runs with plain numbers, for the golden files: written by hand, so that no computer's rounding is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# PSNR of four video clips, in two domains, and SSIM; the same clips in every run.
CLIPS = {"drive/a": "driving", "drive/b": "driving", "robot/a": "robotics", "robot/b": "robotics"}

TOKENIZERS: dict[str, dict[str, Any]] = {
    "identity": {"kind": "continuous", "modality": "any", "compression": [1, 1, 1], "bits_per_pixel": 24.0},
    "net_C & co": {
        "kind": "continuous",
        "modality": "video",
        "compression": [4, 8, 8],
        "latent_channels": 16,
        "parameters": 83_700_000,
        "settings": {"window": 17},
        "license": "Apache-2.0",
        "weights": "net.safetensors",
        "weights_sha256": "ab" * 32,
    },
    "net-D": {
        "kind": "discrete",
        "modality": "video",
        "compression": [8, 16, 16],
        "vocabulary": 64_000,
        "parameters": 105_000_000,
        "weights_sha256": "cd" * 32,
    },
    "h264-crf23": {"kind": "codec", "modality": "any", "compression": [1, 1, 1], "parameters": 0},
}

# Folder, tokenizer, storage, PSNR of the clips, SSIM of the clips, bits per pixel.
RUNS = (
    ("identity", "identity", "none", (100.0, 100.0, 100.0, 100.0), (1.0, 1.0, 1.0, 1.0), 24.0),
    ("continuous", "net_C & co", "none", (31.0, 33.0, 35.0, 37.0), (0.9, 0.92, 0.94, 0.96), 1.0),
    ("discrete", "net-D", "none", (27.0, 28.5, 30.0, 31.5), (0.8, 0.82, 0.84, 0.86), 0.0078125),
    ("codec", "h264-crf23", "none", (34.0, 35.0, 36.0, 37.0), (0.93, 0.94, 0.95, 0.96), 0.125),
    ("identity-h264", "identity", "h264", (36.0, 37.0, 38.0, 39.0), (0.95, 0.96, 0.97, 0.98), 24.0),
    ("continuous-h264", "net_C & co", "h264", (30.5, 32.5, 34.5, 36.5), (0.94, 0.95, 0.96, 0.97), 1.0),
)

# Low end, value and high end of each run's.
FVD = {
    "identity": (0.5, 1.0, 2.0),
    "continuous": (50.0, 60.0, 75.0),
    "discrete": (150.0, 180.0, 220.0),
    "codec": (38.0, 45.0, 52.0),
    "identity-h264": (15.0, 20.0, 28.0),
    "continuous-h264": (22.0, 27.0, 34.0),
}


def write_golden_runs(root: Path) -> list[Path]:
    """The runs as folders below `root`."""
    return [_write(root / folder, *rest) for folder, *rest in RUNS]


def _write(
    folder: Path, name: str, storage: str, psnr: tuple[float, ...], ssim: tuple[float, ...], rate: float
) -> Path:
    folder.mkdir(parents=True)
    scores = {"psnr": psnr, "ssim": ssim, "bits_per_pixel": (rate,) * len(CLIPS)}
    protocol = "paper/1+frames=49" + ("" if storage == "none" else f"+storage={storage}")
    domains = {
        domain: {"clips": 2, "metrics": _metrics({key: values[start : start + 2] for key, values in scores.items()})}
        for domain, start in (("driving", 0), ("robotics", 2))
    }
    low, value, high = FVD[folder.name]
    metrics = _metrics(scores) | {"fvd": {"value": value, "unit": "", "ci95": [low, high], "n": 4, "rank": 3}}
    result = {
        "schema": "tokenbench.result/1",
        "tokenizer": {"name": name, **TOKENIZERS[name]},
        "dataset": {
            "name": "golden",
            "protocol": protocol,
            "clips": 4,
            "frames": 196,
            "manifest_sha256": "6a1f" * 16,
        },
        "protocol": {"name": "paper", "version": 1, "frames": 49, "storage": storage},
        "metrics": metrics,
        "media": {"video": {"clips": 4, "frames": 196, "metrics": metrics, "domains": domains}},
        "unavailable": {"lpips": "no network"} if name == "net-D" else {},
        "failed": [],
        "environment": {"tokenbench": "0.1.0", "device": "cpu", "command": f"tokenbench eval --out {folder.name}"},
    }
    (folder / "result.json").write_text(json.dumps(result))
    lines = ["clip,domain,frames,height,width,fps,psnr,ssim,bits_per_pixel,ti"]
    lines += [
        f"{clip},{domain},49,720,1280,30.0,{psnr[i]},{ssim[i]},{rate},{10 * (i + 1)}"
        for i, (clip, domain) in enumerate(CLIPS.items())
    ]
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


def _metrics(scores: dict[str, tuple[float, ...]]) -> dict[str, dict[str, Any]]:
    """The range of the clips stands for the interval: it needs no computation."""
    return {
        name: {
            "value": round(sum(values) / len(values), 8),
            "unit": "",
            "ci95": [min(values), max(values)],
            "n": len(values),
        }
        for name, values in scores.items()
    }
