"""The squared error of 8-bit arithmetic that wraps around. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.jit import kernel

# At most 8,421,504 values of up to 255 fit into an int32; a block of this size stays in the cache.
_BLOCK = 32_768


@kernel
def wrapped_squared_error(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> int:
    """Sum of (x - y)**2 modulo 256 of two rows of values.

    The sign of a difference does not matter to its square's last eight bits, nor do its bits above the eighth.

    Args:
        x: N values, uint8, [0, 255], contiguous.
        y: the same.

    Returns:
        The exact sum.
    """
    total = 0
    for start in range(0, x.size, _BLOCK):
        x_part, y_part = x[start : start + _BLOCK], y[start : start + _BLOCK]
        part = np.int32(0)
        for i in range(x_part.size):
            difference = np.int32(x_part[i]) - np.int32(y_part[i])
            part = np.int32(part + (np.int32(difference * difference) & np.int32(255)))
        total += int(part)
    return total
