"""`ms-ssim`: SSIM over five scales."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable
from tokenbench.metrics import windowed_ssim
from tokenbench.metrics.frames import PEAK, check_pair
from tokenbench.metrics.windowed_ssim import gaussian

# Wang, Simoncelli and Bovik 2003, section 3.2: exponents of the scales, finest first.
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# pytorch-msssim wants more than (11 - 1) * 2**4 pixels, so that the coarsest scale holds a whole window.
SMALLEST = 161


class MsSsimScores:
    """`ms-ssim` of one clip: the mean over its frames.

    Source:
        Wang, Simoncelli and Bovik 2003, as `pytorch_msssim.ms_ssim(x, y, data_range=255)` has it: means over
        positions are taken per channel and scale, cut off at 0, and multiplied; then the mean over channels.
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._frames = 0

    def update(self, reference: Any, reconstruction: Any) -> None:
        """Add a chunk of frame pairs, one frame at a time.

        Args:
            reference: T x H x W x 3, uint8, [0, 255]; an array, or a tensor, which is scored on its device.
            reconstruction: the same shape and kind.

        Raises:
            NotApplicable: frames are smaller than 161 x 161.
            ClipError: the shapes differ.
            TokenBenchError: not uint8, not T x H x W x 3, or an array beside a tensor.
        """
        check_pair(reference, reconstruction)
        height, width = reference.shape[1:3]
        if min(height, width) < SMALLEST:
            raise NotApplicable(f"MS-SSIM needs at least {SMALLEST} x {SMALLEST} pixels, got {width} x {height}")
        score = _score_arrays if isinstance(reference, np.ndarray) else _score_tensors
        for frame, other in zip(reference, reconstruction, strict=True):
            self._sum += score(frame, other)
            self._frames += 1

    def values(self) -> dict[str, float]:
        """`ms-ssim` in [0, 1], with 1 for identical clips.

        Raises:
            ClipError: there were no frames.
        """
        if self._frames == 0:
            raise ClipError("no frames to score: the clip is empty")
        return {"ms-ssim": self._sum / self._frames}


def _score_arrays(frame: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    x, y = (side.transpose(2, 0, 1).astype(np.float32, order="C") for side in (frame, other))
    return _score(x, y, windowed_ssim)


def _score_tensors(frame: Any, other: Any) -> float:
    # Imported here, because only tensors should cost torch.
    from tokenbench.metrics import windowed_torch

    x, y = (side.permute(2, 0, 1).float() for side in (frame, other))
    return _score(x, y, windowed_torch)


def _score(x: Any, y: Any, room: Any) -> float:
    """Of planes C x H x W, by the `similarity` and `halved` of one of the two modules for them."""
    means = []
    for scale in range(len(EXPONENTS)):
        if scale:
            x, y = room.halved(x), room.halved(y)
        whole, contrast = room.similarity(x, y, gaussian(), PEAK)
        means.append(contrast)
    means[-1] = whole
    terms = np.array([mean.tolist() for mean in means]).clip(0)
    return float((terms ** np.array(EXPONENTS)[:, None]).prod(axis=0).mean())
