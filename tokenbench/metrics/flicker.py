"""Flicker: how differently a reconstruction changes from frame to frame.

The sum is a whole number, so it does not depend on how the clip was cut into chunks, on threads or on the device.

Importing this module loads numba; an installation's first call compiles the kernel, which is then cached.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import NotApplicable
from tokenbench.jit import kernel
from tokenbench.metrics.frames import check_frames, on_device
from tokenbench.parallel import each

if TYPE_CHECKING:
    import torch

    Frames = NDArray[np.uint8] | torch.Tensor

# A value adds at most 510, and an int32 holds 4.2 million times as much.
_VALUES_PER_FLUSH = 1 << 16

# numba widens every int32 result to int64; casting it back lets LLVM work on twice as many lanes.
_i32 = np.int32


class Flicker:
    """Mean over frame pairs, pixels and channels of |(x[t+1] - x[t]) - (y[t+1] - y[t])|, in 8-bit levels."""

    def __init__(self) -> None:
        self._last: list[Any] = []
        self._sum = 0
        self._values = 0

    def update(self, reference: Frames, reconstruction: Frames) -> None:
        """Add the next frames of the clip: arrays are scored on all cores, tensors on their device.

        Args:
            reference: T x H x W x 3, uint8, [0, 255]; H and W the same for all chunks, and all on one device.
            reconstruction: the same shape, frame by frame beside `reference`; it may be on another device.

        Raises:
            ClipError: the two differ in shape, or the frames' size has changed.
            TokenBenchError: not uint8, or not T x H x W x 3.
        """
        check_frames(reference, reconstruction, self._last[0].shape[1:3] if self._last else None)
        if len(reference) == 0:
            return
        x, y = _on_one_device(reference, reconstruction)
        last_x, last_y = self._last or (x[:0], y[:0])
        xs, ys = [*last_x, *x], [*last_y, *y]
        steps = list(zip(xs[:-1], xs[1:], ys[:-1], ys[1:], strict=True))
        self._values += len(steps) * math.prod(x.shape[1:])
        # Copies are kept, because the caller may write its next frames over these.
        if isinstance(x, np.ndarray):
            self._sum += sum(each(_changes_on_cpu, steps))
            self._last = [x[-1:].copy(), y[-1:].copy()]
        else:
            self._sum += _changes_on_device(steps)
            self._last = [x[-1:].clone(), y[-1:].clone()]

    def values(self) -> dict[str, float]:
        """`flicker`, in [0, 510]; 0 for identical clips, and for a reconstruction that is off by a constant.

        Raises:
            NotApplicable: there were fewer than two frames.
        """
        if self._values == 0:
            raise NotApplicable("flicker needs at least two frames: the clip has fewer")
        return {"flicker": self._sum / self._values}


def _on_one_device(x: Frames, y: Frames) -> tuple[Any, Any]:
    """Two arrays where both are in the CPU's memory, else two tensors on the device where either is."""
    devices: list[Any] = [frames.device for frames in (x, y) if str(frames.device) != "cpu"]
    if not devices:
        return np.asarray(x), np.asarray(y)
    return on_device(x, devices[0]), on_device(y, devices[0])


def _changes_on_cpu(step: tuple[NDArray[np.uint8], ...]) -> int:
    return sum_of_changes(*(np.ascontiguousarray(frame).reshape(-1) for frame in step))


def _changes_on_device(steps: Sequence[tuple[torch.Tensor, ...]]) -> int:
    """The sum over all steps of what `sum_of_changes` gives."""
    sums = []
    for step in steps:
        x0, x1, y0, y1 = (frame.short() for frame in step)
        sums.append(((x1 - x0) - (y1 - y0)).abs().sum())
    # Read together, so that the device is waited for once a chunk.
    return sum(int(value) for value in sums)


@kernel
def sum_of_changes(x0: NDArray[np.uint8], x1: NDArray[np.uint8], y0: NDArray[np.uint8], y1: NDArray[np.uint8]) -> int:
    """The exact sum of |(x1 - x0) - (y1 - y0)| over N values each, uint8, contiguous."""
    total = 0
    for start in range(0, x0.size, _VALUES_PER_FLUSH):
        end = start + _VALUES_PER_FLUSH
        a, b, c, d = x0[start:end], x1[start:end], y0[start:end], y1[start:end]
        part = _i32(0)
        for i in range(a.size):
            change = _i32(_i32(_i32(b[i]) - _i32(a[i])) - _i32(_i32(d[i]) - _i32(c[i])))
            part = _i32(part + abs(change))
        total += int(part)
    return total
