"""Floating-point operations of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

MEANS = "torch.utils.flop_counter: convolutions, matrix products and attention; a multiplication and its addition are 2"


def count_flops(call: Callable[[], Any]) -> tuple[Any, int]:
    """What a call gives, and the operations in it.

    Counted is what torch really runs: convolutions, matrix products and attention, at two for a multiplication with its
    addition. Element-wise work and code outside torch are not counted.
    """
    with FlopCounterMode(display=False) as counter:
        result = call()
    return result, int(counter.get_total_flops())


def load_counter() -> None:
    """Load what torch loads when something is first counted, so that it is not taken for a tokenizer's memory."""
    count_flops(lambda: torch.zeros(1, 1) @ torch.zeros(1, 1))
