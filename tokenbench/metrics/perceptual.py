"""What networks see between a clip and its reconstruction: LPIPS of frames, and of their changes in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, NotApplicable
from tokenbench.metrics.frames import check_frames, on_device

if TYPE_CHECKING:
    import torch

    Frames = NDArray[np.uint8] | torch.Tensor

# One frame of 1080p, of which one map of VGG-16's first layers takes half a gigabyte a side.
BATCH_PIXELS = 1 << 21


class Distance(Protocol):
    """A perceptual distance between frames.

    Args:
        device: that its network is on; frames are moved there.
    """

    device: torch.device

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """N distances, float, without gradients, of two batches N x H x W x 3, uint8, [0, 255]."""
        ...


class LpipsScores:
    """Mean over the frames of a clip of each frame's distance to its reconstruction, added up in float64.

    Args:
        name: of the metric.
        distance: between frames.
        batch_pixels: that the network sees at once; a larger frame makes a batch of its own.
    """

    def __init__(self, name: str, distance: Distance, batch_pixels: int = BATCH_PIXELS) -> None:
        self._name = name
        self._distance = distance
        self._batches = FrameBatches(distance.device, batch_pixels)
        self._scores: list[torch.Tensor] = []

    def update(self, reference: Frames, reconstruction: Frames) -> None:
        """Add the next frames of the clip.

        Args:
            reference: T x H x W x 3, uint8, [0, 255]; H and W the same for all chunks.
            reconstruction: the same shape, frame by frame beside `reference`.

        Raises:
            ClipError: the two differ in shape, or the frames' size has changed.
            TokenBenchError: not uint8, or not T x H x W x 3.
        """
        for x, y in self._batches.push(reference, reconstruction):
            self._scores.append(self._distance(x, y))

    def values(self) -> dict[str, float]:
        """The mean distance by the metric's name; 0 for identical clips.

        Raises:
            ClipError: there were no frames.
        """
        last = [self._distance(x, y) for x, y in self._batches.rest()]
        if not self._scores and not last:
            raise ClipError("no frames to score: the clip is empty")
        return {self._name: mean_of([*self._scores, *last])}


class TemporalLpips:
    """Mean over t of |d(x[t], x[t+1]) - d(y[t], y[t+1])|: do a clip and its reconstruction change alike?

    Source:
        tLP of TecoGAN (Chu et al. 2020, "Learning temporal coherence via self-supervision for GAN-based video
        generation"), which prints it times 100.

    Args:
        distance: between frames; TecoGAN takes LPIPS of AlexNet.
        batch_pixels: that the network sees at once; a larger frame makes a batch of its own.
    """

    def __init__(self, distance: Distance, batch_pixels: int = BATCH_PIXELS) -> None:
        self._distance = distance
        self._batches = FrameBatches(distance.device, batch_pixels, overlap=1)
        self._scores: list[torch.Tensor] = []

    def update(self, reference: Frames, reconstruction: Frames) -> None:
        """Add the next frames of the clip; takes and raises what `LpipsScores.update` does."""
        for x, y in self._batches.push(reference, reconstruction):
            self._scores.append(self._differences(x, y))

    def values(self) -> dict[str, float]:
        """`temporal-lpips`; 0 for identical clips.

        Raises:
            NotApplicable: there were fewer than two frames.
        """
        last = [self._differences(x, y) for x, y in self._batches.rest()]
        if not self._scores and not last:
            raise NotApplicable("temporal-lpips needs at least two frames: the clip has fewer")
        return {"temporal-lpips": mean_of([*self._scores, *last])}

    def _differences(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        changes_of_x, changes_of_y = (self._distance(frames[:-1], frames[1:]).double() for frames in (x, y))
        return (changes_of_x - changes_of_y).abs()


class FrameBatches:
    """A clip's frames in batches that are the same however the clip was cut into chunks.

    A network's values depend, in their last digits, on the size of a batch; so frames wait here for their batch.

    Args:
        device: where batches are wanted.
        pixels: of a batch, not counting the overlap; a larger frame makes a batch of its own.
        overlap: frames of a batch that the next one repeats: 1 gives every pair of consecutive frames once.
    """

    def __init__(self, device: torch.device, pixels: int, overlap: int = 0) -> None:
        self._device = device
        self._pixels = pixels
        self._overlap = overlap
        self._waiting: tuple[torch.Tensor, torch.Tensor] | None = None

    def push(self, reference: Frames, reconstruction: Frames) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The batches that are full with these frames: (reference, reconstruction), N x H x W x 3, uint8.

        Raises:
            ClipError: the two differ in shape, or the frames' size has changed.
            TokenBenchError: not uint8, or not T x H x W x 3.
        """
        check_frames(reference, reconstruction, None if self._waiting is None else self._waiting[0].shape[1:3])
        if len(reference) == 0:
            return []
        x, y = (self._joined(side, chunk) for side, chunk in enumerate((reference, reconstruction)))
        step = max(1, self._pixels // (x.shape[1] * x.shape[2]))
        starts = range(0, len(x) - self._overlap - step + 1, step)
        waiting = len(starts) * step
        self._waiting = x[waiting:], y[waiting:]
        length = step + self._overlap
        return [(x[start : start + length], y[start : start + length]) for start in starts]

    def rest(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The last batch, where frames are left for one."""
        return [self._waiting] if self._waiting is not None and len(self._waiting[0]) > self._overlap else []

    def _joined(self, side: int, chunk: Frames) -> torch.Tensor:
        """A copy of a side's waiting frames and of those that follow."""
        import torch

        waiting = [] if self._waiting is None else [self._waiting[side]]
        return torch.cat([*waiting, on_device(chunk, self._device)])


def mean_of(scores: list[torch.Tensor]) -> float:
    """The mean of all values of some tensors, in float64."""
    values = [value for batch in scores for value in batch.double().tolist()]
    return math.fsum(values) / len(values)
