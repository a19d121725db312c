"""Memory that a process holds, on the device where it computes, and what it looks like when there is no more."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import torch

# Linux keeps here what a process holds, and how much it ever held.
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_MACHINE = Path("/proc/meminfo")

# Resets VmHWM (proc_pid_clear_refs(5)).
_RESET_PEAK = "5"

# How torch says it where it has no type of its own for it: the CPU's allocator, cuBLAS and cuDNN.
_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|_ALLOC_FAILED|bad_alloc", re.IGNORECASE)

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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that memory was not enough."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def _resident(name: str) -> int:
    return _kilobytes(_STATUS, name)


def _kilobytes(path: Path, name: str) -> int:
    """A line `name:  1234 kB` in bytes."""
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise ValueError(f"{path} has no {name}")
