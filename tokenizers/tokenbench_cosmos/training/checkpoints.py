"""The state of a run as one file, written whole, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.export import write_tensors

CHECKPOINTS = "checkpoints"

_PATTERN = "step-{:08d}.safetensors"


def newest(out: Path) -> Path | None:
    """The last checkpoint of a run; None where it has none."""
    return max(_all(out), default=None)


def write_checkpoint(
    out: Path, step: int, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any], keep: int
) -> Path:
    """Write one, and delete all but the newest.

    Args:
        out: folder of the run.
        step: that was done last, counted from 1.
        tensors: on any device.
        numbers: plain data.
        keep: so many stay, this one included.

    Raises:
        OutputError: the disk is full; the checkpoints before are as they were.
    """
    path = out / CHECKPOINTS / _PATTERN.format(step)
    here, state = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, json.dumps(numbers)
    write_tensors(path, here, {"state": state, "crc32": _checksum(here, state)})
    for old in _all(out)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, on the CPU, and numbers.

    Raises:
        TokenBenchError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
            metadata = file.metadata() or {}
        # Checkpoints of earlier versions have none.
        if metadata.get("crc32") not in (None, _checksum(tensors, metadata["state"])):
            raise ValueError("its checksum is wrong")
        return tensors, json.loads(metadata["state"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TokenBenchError(f"{path} is damaged ({error}); delete it to go on from the one before") from error


def _checksum(tensors: Mapping[str, Tensor], state: str) -> str:
    """Of contiguous tensors on the CPU, and of the numbers."""
    crc = zlib.crc32(state.encode())
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"


def _all(out: Path) -> list[Path]:
    return sorted((out / CHECKPOINTS).glob("step-*.safetensors"))
