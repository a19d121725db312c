"""What a number was made with: versions, machine, command, and what the command named."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av

import tokenbench
from tokenbench.parallel import cores

SEED = 0


def environment(
    *, device: str = "cpu", dtype: str | None = None, inputs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """For `result.json`: nothing in it changes from one run of a command to the next on the same machine.

    Args:
        device: that networks run on.
        dtype: of the tokenizer; None where none runs, and torch is not asked for its threads.
        inputs: what the user named, as it was typed: paths are relative to the folder of the command.
    """
    return {
        "tokenbench": tokenbench.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "av", "numba", "pillow")},
        "ffmpeg": {name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())},
        "platform": platform.platform(),
        "device": device,
        "device_name": device_name(device),
        "cores": cores(),
        "threads": None if dtype is None else _threads(),
        "dtype": dtype,
        "seed": SEED,
        "command": _command(),
        **({"inputs": dict(inputs)} if inputs else {}),
    }


def device_name(device: str) -> str:
    """Of a GPU or a processor; empty for a GPU where there is none."""
    if device.startswith("cuda"):
        import torch

        # A cluster's nodes have GPUs that this machine may lack.
        return torch.cuda.get_device_name(device) if torch.cuda.is_available() else ""
    return platform.processor() or platform.machine()


def _command() -> str:
    """The command line of this process, ready to be pasted into a shell."""
    name = Path(sys.argv[0]).name
    program = ["python", "-m", "tokenbench"] if name == "__main__.py" else [name]
    return shlex.join([*program, *sys.argv[1:]])


def _threads() -> int:
    import torch

    return torch.get_num_threads()
