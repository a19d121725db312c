"""What set metrics are made of: features of a clip's frames, or of the whole clip, and of its reconstruction."""

from __future__ import annotations

import math
import threading
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.metrics.frames import check_frames, on_device

# How StyleGAN-V prepares video for its I3D.
CLIP_FRAMES = 300
CLIP_SIZE = 224

# Of the code below: features of another version are not those that it gives.
FEATURES_VERSION = 3


class Network(Protocol):
    """A trained network: tensors on its device in, one row of features a sample out."""

    @property
    def device(self) -> torch.device:
        """Where its input must lie."""
        ...

    def __call__(self, samples: Tensor) -> Tensor:
        """N x D, float32."""
        ...


class Side(Protocol):
    """Features of one side of a clip: of the reference, or of its reconstruction."""

    def update(self, frames: Any) -> None:
        """The next frames, uint8 T x H x W x 3 in [0, 255], RGB; H and W are the same for all chunks."""
        ...

    def features(self) -> NDArray[np.float32]:
        """Of all frames so far, n x D."""
        ...


class FrameFeatures:
    """Features of every frame of one side of a clip, for FID and its like.

    Batches are the same for every cut of the clip into chunks, and hold frames of that side alone: so the features are
    the same bit for bit, whatever stands on the other side.

    Args:
        network: uint8 N x H x W x 3 in [0, 255], RGB, on its device -> float32 N x D.
        batch: frames of one call.
    """

    def __init__(self, network: Network, batch: int = 16) -> None:
        self._network = network
        self._batch = batch
        self._waiting: Tensor | None = None
        self._features: list[NDArray[np.float32]] = []

    def update(self, frames: Any) -> None:
        """Add frames, T x H x W x 3."""
        frames = on_device(frames, self._network.device)
        if self._waiting is not None:
            frames = torch.cat([self._waiting, frames])
        whole = len(frames) - len(frames) % self._batch
        for start in range(0, whole, self._batch):
            self._features.append(self._of(frames[start : start + self._batch]))
        # A copy, because the rest of the chunk can be let go.
        self._waiting = frames[whole:].clone()

    def features(self) -> NDArray[np.float32]:
        """A row for each frame.

        Raises:
            ClipError: there were no frames.
        """
        rest = [] if self._waiting is None or len(self._waiting) == 0 else [self._of(self._waiting)]
        if not self._features and not rest:
            raise ClipError("no frames to score: the clip is empty")
        return np.concatenate([*self._features, *rest])

    def _of(self, frames: Tensor) -> NDArray[np.float32]:
        with torch.inference_mode():
            return self._network(frames).float().cpu().numpy()


class ClipFeatures:
    """Features of one side of a whole clip, for FVD.

    The first 300 frames count. Each is scaled by bilinear interpolation without antialiasing, the short side to 224 and
    the long one to ceil(side * scale), cropped to its centre, and brought to [-1, 1]. Prepared frames are kept on the
    network's device, 180 MB at the most, and the network sees them in one piece.

    Args:
        network: float32 1 x 3 x T x 224 x 224 in [-1, 1], RGB, on its device -> float32 1 x D.

    Source:
        StyleGAN-V's FVD, as the public TokenBench script has it.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._prepared: list[Tensor] = []

    def update(self, frames: Any) -> None:
        """Add frames, T x H x W x 3."""
        frames = on_device(frames, self._network.device)
        self._prepared += [_prepare(frame) for frame in frames[: CLIP_FRAMES - len(self._prepared)]]

    def features(self) -> NDArray[np.float32]:
        """One row.

        Raises:
            ClipError: there were no frames, or the network refuses the clip.
        """
        if not self._prepared:
            raise ClipError("no frames to score: the clip is empty")
        with torch.inference_mode():
            return self._network(torch.stack(self._prepared, dim=1)[None]).float().cpu().numpy()


class SharedFeatures:
    """Features of a reference that several reconstructions are held against at once: they are computed once.

    All offer the same frames, at their own pace and from threads of their own; whoever is ahead is listened to.

    Args:
        side: that computes them.
        known: the features, where they were computed before; `side` is then left alone.
    """

    def __init__(self, side: Side, known: NDArray[np.float32] | None = None) -> None:
        self._side = side
        self._lock = threading.Lock()
        self._seen = 0
        self._known = known
        self._computed: tuple[int, NDArray[np.float32]] | None = None

    def update(self, start: int, frames: Any) -> None:
        """Offer frames, T x H x W x 3.

        Args:
            start: how many of the clip's frames come before them.
            frames: taken as far as they are new.
        """
        with self._lock:
            new = frames[max(0, self._seen - start) :]
            if self._known is None and len(new):
                self._side.update(new)
                self._seen += len(new)

    def features(self) -> NDArray[np.float32]:
        """Of all frames that were offered, n x D.

        Raises:
            ClipError: there were no frames, or the network refuses the clip.
        """
        with self._lock:
            if self._known is not None:
                return self._known
            if self._computed is None or self._computed[0] != self._seen:
                self._computed = self._seen, self._side.features()
            return self._computed[1]

    @property
    def computed(self) -> NDArray[np.float32] | None:
        """The features, where they were computed here."""
        return None if self._computed is None else self._computed[1]


class PairedFeatures:
    """Features of a clip and of its reconstruction.

    Args:
        reference: features of the one.
        reconstruction: of the other, of the same kind.
    """

    def __init__(self, reference: SharedFeatures, reconstruction: Side) -> None:
        self._reference = reference
        self._reconstruction = reconstruction
        self._frames = 0
        self._size: tuple[int, ...] | None = None

    def update(self, reference: Any, reconstruction: Any) -> None:
        """Add frames.

        Args:
            reference: uint8 T x H x W x 3 in [0, 255], RGB; a NumPy array or a torch tensor on any device. H and W are
                the same for all chunks.
            reconstruction: the same shape.

        Raises:
            ClipError: the two differ in shape, or their size has changed.
            TokenBenchError: not uint8, or not T x H x W x 3.
        """
        check_frames(reference, reconstruction, self._size)
        self._size = tuple(reference.shape[1:3])
        self._reference.update(self._frames, reference)
        self._reconstruction.update(reconstruction)
        self._frames += len(reference)

    def features(self) -> NDArray[np.float32]:
        """Of the reference and of the reconstruction, n x 2 x D.

        Raises:
            ClipError: there were no frames, or the network refuses the clip.
        """
        return np.stack([self._reference.features(), self._reconstruction.features()], axis=1)


def _prepare(frame: Tensor) -> Tensor:
    """H x W x 3, uint8 -> 3 x 224 x 224, float32, [-1, 1]."""
    height, width, _ = frame.shape
    scale = CLIP_SIZE / min(height, width)
    # Of a square, the height counts as the long side; rounding can then make it 225 before the crop.
    long_side = math.ceil(max(height, width) * scale)
    size = (CLIP_SIZE, long_side) if height < width else (long_side, CLIP_SIZE)
    scaled = F.interpolate(frame.permute(2, 0, 1)[None] / 255, size=size, mode="bilinear", align_corners=False)
    top, left = (size[0] - CLIP_SIZE) // 2, (size[1] - CLIP_SIZE) // 2
    return (scaled[0, :, top : top + CLIP_SIZE, left : left + CLIP_SIZE] - 0.5) * 2
