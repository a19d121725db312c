"""Where networks run."""

from __future__ import annotations

import torch

from tokenbench.errors import TokenBenchError


def open_device(name: str) -> torch.device:
    """The device of that name; on CUDA, float32 is made to mean float32: convolutions default to TF32 there.

    Raises:
        TokenBenchError: torch does not know it, or the machine does not have it.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TokenBenchError(f"device {name!r} cannot be used: {reason}; '--device cpu' always works") from error
    torch.backends.cudnn.allow_tf32 = False
    return device


def device_of_worker(device: torch.device, number: int) -> torch.device:
    """The device of one of several workers: where no GPU of several was named, they take turns."""
    if device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", number % torch.cuda.device_count())
