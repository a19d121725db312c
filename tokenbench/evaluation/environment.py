"""What a number was made with: versions, machine, command."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av

import tokenbench

SEED = 0


def environment(*, device: str = "cpu", dtype: str | None = None) -> dict[str, Any]:
    """For `result.json`: nothing in it changes from one run of a command to the next on the same machine."""
    return {
        "tokenbench": tokenbench.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "av", "numba", "pillow")},
        "ffmpeg": {name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())},
        "platform": platform.platform(),
        "device": device,
        "device_name": _device_name(device),
        "dtype": dtype,
        "seed": SEED,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
