"""Dark pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.screening.luma import reduced

LONG_SIDE = 160
BRIGHT = 95


class Darkness:
    """What is missing to white: 1 - the 95th percentile of luma, on the picture reduced to a long side of 160 pixels.

    A night scene with lamps is not dark by this measure, an underexposed one is; neither do black bars count.
    """

    def __init__(self) -> None:
        self._frames: list[float] = []

    def update(self, luma: NDArray[np.uint8]) -> None:
        """Take a frame's luma, uint8 H x W."""
        self._frames.append(1 - float(np.percentile(reduced(luma, LONG_SIDE), BRIGHT)) / 255)

    def value(self) -> float:
        """Mean over frames, in [0, 1]; 1 is black."""
        return float(np.mean(self._frames))
