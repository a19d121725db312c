"""The machine that times belong to."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

import tokenbench
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.device import open_device

_CPU_INFO = Path("/proc/cpuinfo")


def machine(device: str) -> dict[str, Any]:
    """What decides the time of a tokenizer, apart from itself; times of other machines do not stand in for its own.

    Raises:
        TokenBenchError: there is no such device, or time cannot be taken on it.
    """
    opened = open_device(device)
    if opened.type not in ("cpu", "cuda"):
        raise TokenBenchError(f"device {device!r}: throughput is measured on cpu and on cuda; choose one of them")
    on_gpu = opened.type == "cuda"
    return {
        "device": opened.type,
        "name": torch.cuda.get_device_name(opened) if on_gpu else _cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if on_gpu else None,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
        "tf32": on_gpu and (torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32),
        "tokenbench": tokenbench.__version__,
    }


def _cpu_name() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
