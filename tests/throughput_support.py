"""Tokenizers and functions for the tests of throughput, which other processes must find too."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tokenbench.errors import TokenBenchError, is_out_of_memory

STRANGERS = '''
import torch
from torch import nn

class Small:
    """3 -> 4 channels, 8 x 8 pixels a token, frame by frame: 3 * 4 * 64 weights each way and 4 + 3 biases."""

    info = {"compression": [1, 8, 8], "window": None}

    def __init__(self, device, dtype):
        self.analysis = nn.Conv3d(3, 4, (1, 8, 8), (1, 8, 8)).to(device, dtype)
        self.synthesis = nn.ConvTranspose3d(4, 3, (1, 8, 8), (1, 8, 8)).to(device, dtype)

    def encode(self, video):
        print("a stranger's print")
        assert not self.analysis.training and not torch.is_grad_enabled()
        return self.analysis(video)

    def decode(self, tokens):
        return self.synthesis(tokens)

class Greedy(Small):
    def decode(self, tokens):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

class Boundless(Small):
    def encode(self, video):
        return torch.empty(1 << 50)

class Broken(Small):
    def decode(self, tokens):
        raise ValueError("no way\\nback")

class Cropping(Small):
    def decode(self, tokens):
        return self.synthesis(tokens)[..., :-1]
'''


def write_strangers(folder: Path) -> Path:
    """A file with tokenizers of a user's own."""
    file = folder / "strangers.py"
    file.write_text(STRANGERS)
    return file


def double(number: int, say: Callable[[str], None]) -> int:
    say(f"doubling {number}")
    return 2 * number


def refuse() -> None:
    raise TokenBenchError("not here; go there")


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(7)


def hold_for_a_moment(size: int) -> tuple[int, int, int]:
    """Take bytes and give them back: the peak, what is held afterwards, and the peak after it was reset.

    Each is in bytes, over what was held before.
    """
    # The other functions here must not wait for torch to be loaded.
    import torch

    from tokenbench.throughput import memory

    device = torch.device("cpu")
    assert memory.reset_peak(device)
    before = memory.held(device)
    torch.ones(size, dtype=torch.uint8)
    peak, held = memory.peak(device), memory.held(device)
    assert memory.reset_peak(device)
    return peak - before, held - before, memory.peak(device) - before


def take_beyond_the_limit() -> bool:
    """Whether an allocation of more than the machine has is refused, and known for what it is."""
    # The other functions here must not wait for torch to be loaded.
    import torch

    from tokenbench.throughput import memory

    memory.limit_to_available()
    try:
        torch.ones(1 << 40, dtype=torch.uint8)
    except RuntimeError as error:
        return is_out_of_memory(error)
    return False
