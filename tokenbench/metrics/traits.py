"""What a clip itself is like, whatever reconstructs it: texture, motion and brightness, for breakdowns of scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tokenbench.parallel import each

Frames = NDArray[np.uint8]

# In `clips.csv`, in this order.
TRAITS = ("si", "ti", "luma")

# Sobel's operator looks at a pixel's eight neighbours.
_LEAST_SIDE = 3


class ClipTraits:
    """Traits of one clip, added up over chunks of its frames.

    Source:
        ITU-T P.910 (2008), sections 5.3.1 and 5.3.2: spatial perceptual information SI, the largest over frames of the
        standard deviation over space of Sobel's gradient of luma; temporal perceptual information TI, the largest of
        the standard deviation over space of the change of luma from one frame to the next.
    """

    def __init__(self) -> None:
        self._last: Frames | None = None
        self._texture: float | None = None
        self._motion: float | None = None
        self._levels = 0
        self._pixels = 0

    def watch(self, chunks: Iterable[Frames]) -> Iterator[Frames]:
        """The same chunks, uint8 T x H x W x 3, each looked at before it is passed on."""
        for chunk in chunks:
            self.update(chunk)
            yield chunk

    def update(self, frames: Frames) -> None:
        """Add the next frames, uint8 T x H x W x 3, on all cores; a change of size counts as no motion."""
        # Imported here, because loading numba takes time that only scoring should cost.
        from tokenbench.metrics.trait_kernel import change_spread, edge_spread, level_sum, luma_of

        lumas = each(lambda frame: luma_of(np.ascontiguousarray(frame)), frames)
        if not lumas:
            return
        if min(lumas[0].shape) >= _LEAST_SIDE:
            self._texture = _largest(self._texture, each(edge_spread, lumas))
        sequence = lumas if self._last is None else [self._last, *lumas]
        steps = [pair for pair in pairwise(sequence) if pair[0].shape == pair[1].shape]
        self._motion = _largest(self._motion, each(lambda step: change_spread(*step), steps))
        self._levels += sum(each(level_sum, lumas))
        self._pixels += sum(luma.size for luma in lumas)
        self._last = lumas[-1]

    def values(self) -> dict[str, float]:
        """Those of `TRAITS` that the clip has, in 8-bit levels: `si` and `ti` from 0, `luma` in [0, 255].

        A single frame has no `ti`, frames of less than 3 x 3 pixels have no `si`, and no frames have none of them.
        """
        values: dict[str, float] = {}
        if self._texture is not None:
            values["si"] = self._texture
        if self._motion is not None:
            values["ti"] = self._motion
        if self._pixels:
            values["luma"] = self._levels / self._pixels
        return values


def _largest(so_far: float | None, values: list[float]) -> float | None:
    """One number, however long the clip is."""
    return max(values if so_far is None else [so_far, *values], default=None)
