"""What tests of faults share: tiny inputs, and what a folder holds in the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.media.image import write_png

# What only the commands themselves read, and what differs from run to run by nature.
PRIVATE = {"journal.jsonl", ".lock", "attached", "shards", ".build", "checkpoints"}
UNSTABLE = {"result.json": ("environment", "crc32"), "training.json": ("date", "seconds")}

PROTOCOL = """
schema = "tokenbench.build/1"
name = "small"
version = 1
about = "everything, as it is"
images = "native"
sets = {}
[video]
seconds = 0.5
even = true
storage = "lossless"
"""

OWN = """
import os, signal
import numpy as np
import torch

class Own:
    def encode(self, video):
        return video

    def decode(self, tokens):
        return tokens

class Hungry(Own):
    # Of frames of 32 lines, numpy takes too much; of 40, torch; of 48, the system ends the process.
    def encode(self, video):
        lines = video.shape[-2]
        if lines == 32:
            np.zeros((1 << 50,), np.uint8)
        if lines == 40:
            torch.zeros(1 << 50, dtype=torch.uint8)
        if lines == 48:
            os.kill(os.getpid(), signal.SIGKILL)
        return video
"""


def write_clips(place: Path, carphone: NDArray[np.uint8]) -> Path:
    """A video and a photograph, as small as metrics allow."""
    write_video(place / "a.mkv", carphone[:5, :32, :48])
    write_png(place / "b.png", carphone[6, :24, :36])
    return place


def scoring(clips: Path, out: Path, *more: object) -> tuple[object, ...]:
    """The arguments of an evaluation."""
    return ("eval", "--tokenizer", "haar-8x8", "--dataset", clips, "--out", out, *more)


def building(clips: Path, out: Path) -> tuple[object, ...]:
    """The arguments of a build; its protocol lies beside the clips."""
    protocol = clips.parent / "protocol.toml"
    protocol.write_text(PROTOCOL)
    return ("build-dataset", f"folder:{clips}", "--protocol", protocol, "--workers", 1, "--out", out)


def contents(out: Path) -> dict[str, bytes]:
    """Every file that is the same from run to run, without what differs by nature; temporary files count."""
    files = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out)
        if set(name.parts) & PRIVATE and not is_temporary(path):
            continue
        files[name.as_posix()] = path.read_bytes()
        if path.name in UNSTABLE:
            table: dict[str, Any] = json.loads(path.read_bytes())
            kept = {key: value for key, value in table.items() if key not in UNSTABLE[path.name]}
            files[name.as_posix()] = json.dumps(kept).encode()
    return files


def is_temporary(path: Path) -> bool:
    """Whether a process that was killed has left the file behind."""
    return path.name.startswith(".") and ".part" in path.name
