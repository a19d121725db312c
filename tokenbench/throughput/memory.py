"""Memory that a process holds, on the device where it computes."""

from __future__ import annotations

import resource
from pathlib import Path

import torch

# Linux keeps here what a process holds, and how much it ever held.
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_MACHINE = Path("/proc/meminfo")

# Resets VmHWM (proc_pid_clear_refs(5)).
_RESET_PEAK = "5"

CUDA_MEANS = "torch.cuda.max_memory_allocated: weights, input and all that was computed"
CPU_MEANS = "peak RSS over that of the process before the tokenizer was made, without the input"
CPU_MEANS_WHOLE = f"{CPU_MEANS}; the peak is that of the whole process, as it cannot be reset here"


def can_be_measured(device: torch.device) -> bool:
    """Whether the device or its system counts memory: CUDA does, and Linux does for the CPU."""
    return device.type == "cuda" or _STATUS.exists()


def held(device: torch.device) -> int:
    """Bytes that this process holds now: of CUDA's, those of tensors; of the CPU's, the resident set."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else _resident("VmRSS")


def peak(device: torch.device) -> int:
    """The most bytes since `reset_peak`."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident("VmHWM")


def reset_peak(device: torch.device) -> bool:
    """Forget the peak so far; False where the system does not allow it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def limit_to_available() -> None:
    """Let this process take no more memory than the machine has free now.

    An allocation beyond it fails, instead of the system ending this process, or one of somebody else's.
    """
    if _STATUS.exists() and _MACHINE.exists():
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = _resident("VmData") + _kilobytes(_MACHINE, "MemAvailable")
        soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _resident(name: str) -> int:
    return _kilobytes(_STATUS, name)


def _kilobytes(path: Path, name: str) -> int:
    """A line `name:  1234 kB` in bytes."""
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise ValueError(f"{path} has no {name}")
