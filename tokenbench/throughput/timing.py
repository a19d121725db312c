"""Time of a call, and what many of them say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

# Makes a call: what it gave, and the milliseconds that it took.
Stopwatch = Callable[[Callable[[], Any]], tuple[Any, float]]


@dataclass(frozen=True)
class Spread:
    """Where the middle half of some values lies.

    Args:
        median: the middle value.
        low: the first quartile.
        high: the third quartile.
        mean: of all values.
    """

    median: float
    low: float
    high: float
    mean: float


@dataclass(frozen=True)
class Times:
    """Milliseconds of each repeat, in their order.

    Args:
        encode: of the whole batch.
        decode: of the same batch.
    """

    encode: tuple[float, ...]
    decode: tuple[float, ...]

    def spreads(self, items: int) -> dict[str, Spread]:
        """Of encode, decode and their sum in the same repeat, for one of so many images or frames."""
        total = [sum(pair) for pair in zip(self.encode, self.decode, strict=True)]
        times = {"encode": self.encode, "decode": self.decode, "total": total}
        return {name: spread([value / items for value in values]) for name, values in times.items()}


def spread(values: Sequence[float]) -> Spread:
    """Median, quartiles and mean; quartiles are interpolated linearly between neighbours (Hyndman and Fan's type 7)."""
    low, median, high = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
    return Spread(median, low, high, float(np.mean(values)))


def stopwatch(device: torch.device) -> Stopwatch:
    """The clock of a device: CUDA events, or the processor's monotonic clock."""
    return _cuda_stopwatch(device) if device.type == "cuda" else clock_stopwatch()


def clock_stopwatch(clock: Callable[[], float] = time.perf_counter) -> Stopwatch:
    """A stopwatch for calls that have finished when they return.

    Args:
        clock: seconds, never going back.
    """

    def timed(call: Callable[[], Any]) -> tuple[Any, float]:
        start = clock()
        result = call()
        return result, (clock() - start) * 1e3

    return timed


def repeat(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
    video: Any,
    *,
    timed: Stopwatch,
    repeats: int,
    say: Callable[[str], None],
) -> Times:
    """Encode and decode again and again.

    Args:
        encode: the tokenizer's.
        decode: of what `encode` gave in the same repeat.
        video: the batch, on the device already.
        timed: the clock.
        repeats: how often, at least once.
        say: hears which repeat begins.
    """
    encoding, decoding = [], []
    for number in range(1, repeats + 1):
        say(f"encode {number}/{repeats}")
        tokens, milliseconds = timed(lambda: encode(video))
        encoding.append(milliseconds)
        say(f"decode {number}/{repeats}")
        _, milliseconds = timed(lambda tokens=tokens: decode(tokens))  # type: ignore[misc]
        decoding.append(milliseconds)
    return Times(tuple(encoding), tuple(decoding))


def _cuda_stopwatch(device: torch.device) -> Stopwatch:
    def timed(call: Callable[[], Any]) -> tuple[Any, float]:
        with torch.cuda.device(device):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            start.record()
            result = call()
            end.record()
            end.synchronize()
        return result, start.elapsed_time(end)

    return timed
