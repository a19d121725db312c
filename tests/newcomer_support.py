"""The folder of somebody who reads the documentation: the clips, files and runs that it takes to be theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from documents_support import ROOT
from tests_support import write_video

from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.image import write_png
from tokenbench.media.video import read_chunks

FRAMES = 9
# Of every clip of `mini`, so that a command takes seconds: they are small, but they are real.
SIDE = 96

OWN_TOKENIZER = """
from tokenbench import Padding
from torch.nn.functional import avg_pool3d, interpolate

class MyTokenizer:
    info = {"name": "mine", "kind": "continuous", "compression": [1, 2, 2], "padding": Padding(size=(2, 2))}

    def __init__(self, device, dtype):
        pass

    def encode(self, video):
        return avg_pool3d(video, (1, 2, 2))

    def decode(self, tokens):
        return interpolate(tokens, scale_factor=(1, 2, 2), mode="nearest")
"""

CARD = """
kind = "continuous"
modality = "video"
compression = [1, 2, 2]
latent_channels = 3
range = [-1, 1]
layout = "BCTHW"
frames = [1, 0]
"""


class Halves(torch.nn.Module):
    """Half the size, and back, as TorchScript."""

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool3d(video, (1, 2, 2))

    @torch.jit.export
    def encode(self, video: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool3d(video, (1, 2, 2))

    @torch.jit.export
    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.repeat_interleave(2, 3).repeat_interleave(2, 4)


class Doubles(torch.nn.Module):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.repeat_interleave(2, 3).repeat_interleave(2, 4)


def furnish(place: Path) -> None:
    """Put there what the documentation takes for granted."""
    write_clips(place / "path/to/clips")
    for name in ("videos", "originals"):
        shutil.copytree(place / "path/to/clips", place / "path/to" / name)
    (place / "path/to/file.py").write_text(OWN_TOKENIZER)
    net = place / "net"
    net.mkdir()
    for name, module in {"encoder": Halves(), "decoder": Doubles(), "autoencoder": Halves()}.items():
        torch.jit.script(module).save(str(net / f"{name}.jit"))
    for name in ("tokenizer", "card"):
        (net / f"{name}.toml").write_text(CARD)
    for name, tokenizer in {"before": "haar-4x8x8", "after": "klt-4x8x8"}.items():
        done = run(place, f"tokenbench eval --tokenizer {tokenizer} --out runs/{name} --save-reconstructions")
        assert done.returncode == 0, done.stderr
    shutil.copytree(place / "runs/before/reconstructions", place / "path/to/reconstructions")
    for name, folder in {"original": "originals", "reconstruction": "reconstructions"}.items():
        frames = np.concatenate(list(read_chunks(place / f"path/to/{folder}/carphone.mkv", FRAMES)))
        write_video(place / f"{name}.mp4", frames)


def run(place: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Lines of a shell, in that folder, the first that fails being the last."""
    programs = place.parent / "bin"
    if not programs.exists():
        programs.mkdir()
        for name, line in {"tokenbench": "-m tokenbench", "python": ""}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {line} "$@"\n')
            (programs / name).chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TOKENBENCH_"))}
    environment = {
        **inherited,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tokenizers'}",
        "HF_HUB_OFFLINE": "1",
        "TOKENBENCH_WEIGHTS": str(place / "weights"),
        # Where a command names no data set, it means `mini`.
        "TOKENBENCH_EVAL_DATASET": "path/to/clips",
    }
    return subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-x", "-c", commands],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def write_clips(folder: Path) -> None:
    """The middles of the clips of `mini`, under their names; of its photographs the first two."""
    folder.mkdir(parents=True)
    clips = [clip.probed() for clip in open_dataset("mini").clips]
    videos = [clip for clip in clips if clip.kind == "video"]
    photographs = [clip for clip in clips if clip.kind == "image"]
    for clip in (*videos, *photographs[:2]):
        frames = next(iter(clip.chunks(FRAMES, frames=FRAMES)))
        top, left = (clip.height - SIDE) // 2, (clip.width - SIDE) // 2
        middle = frames[:, top : top + SIDE, left : left + SIDE].copy()
        if clip.kind == "video":
            write_video(folder / f"{clip.id}.mkv", middle, clip.fps)
        else:
            write_png(folder / f"{clip.id}.png", middle[0])
