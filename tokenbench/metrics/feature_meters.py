"""What set metrics are made of: features of one clip's frames, or of the whole clip, and of its reconstruction."""

from __future__ import annotations

import math
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

_SIDES = ("reference", "reconstruction")


class Network(Protocol):
    """A trained network: tensors on its device in, one row of features a sample out."""

    @property
    def device(self) -> torch.device:
        """Where its input must lie."""
        ...

    def __call__(self, samples: Tensor) -> Tensor:
        """N x D, float32."""
        ...


class FrameFeatures:
    """Features of every frame of a clip and of its reconstruction, for FID and its like.

    Batches are the same for every cut of the clip into chunks, so the features are too, bit for bit.

    Args:
        network: uint8 N x H x W x 3 in [0, 255], RGB, on its device -> float32 N x D.
        batch: frames of one call, half of them of each side.
    """

    def __init__(self, network: Network, batch: int = 16) -> None:
        self._network = network
        self._pairs = max(1, batch // 2)
        self._waiting: Tensor | None = None
        self._features: list[NDArray[np.float32]] = []

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
        size = None if self._waiting is None else self._waiting.shape[2:4]
        frames = _pair(reference, reconstruction, self._network.device, size)
        if self._waiting is not None:
            frames = torch.cat([self._waiting, frames], dim=1)
        whole = frames.shape[1] - frames.shape[1] % self._pairs
        for start in range(0, whole, self._pairs):
            self._features.append(self._of(frames[:, start : start + self._pairs]))
        # A copy, because the rest of the chunk can be let go.
        self._waiting = frames[:, whole:].clone()

    def features(self) -> NDArray[np.float32]:
        """Of the reference and of the reconstruction, n x 2 x D for n frames.

        Raises:
            ClipError: there were no frames.
        """
        rest = [] if self._waiting is None or self._waiting.shape[1] == 0 else [self._of(self._waiting)]
        if not self._features and not rest:
            raise ClipError("no frames to score: the clip is empty")
        return np.concatenate([*self._features, *rest])

    def _of(self, frames: Tensor) -> NDArray[np.float32]:
        """T x 2 x D of 2 x T x H x W x 3."""
        with torch.inference_mode():
            features = self._network(frames.flatten(0, 1))
        return features.unflatten(0, frames.shape[:2]).transpose(0, 1).float().cpu().numpy()


class ClipFeatures:
    """Features of a whole clip and of its reconstruction, for FVD.

    The first 300 frames count. Each is scaled by bilinear interpolation without antialiasing, the short side to 224 and
    the long one to ceil(side * scale), cropped to its centre, and brought to [-1, 1]. Prepared frames are kept on the
    network's device, 180 MB a side at the most, and the network sees each side in one piece.

    Args:
        network: float32 1 x 3 x T x 224 x 224 in [-1, 1], RGB, on its device -> float32 1 x D.

    Source:
        StyleGAN-V's FVD, as the public TokenBench script has it.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._frames = 0
        self._size: tuple[int, ...] | None = None
        self._prepared: tuple[list[Tensor], list[Tensor]] = ([], [])

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
        frames = _pair(reference, reconstruction, self._network.device, self._size)
        self._size = frames.shape[2:4]
        frames = frames[:, : CLIP_FRAMES - self._frames]
        self._frames += frames.shape[1]
        for side, kept in zip(frames, self._prepared, strict=True):
            kept += [_prepare(frame) for frame in side]

    def features(self) -> NDArray[np.float32]:
        """Of the reference and of the reconstruction, 1 x 2 x D.

        Raises:
            ClipError: there were no frames, or the network refuses the clip.
        """
        if self._frames == 0:
            raise ClipError("no frames to score: the clip is empty")
        with torch.inference_mode():
            sides = [self._network(torch.stack(side, dim=1)[None]) for side in self._prepared]
        return torch.stack(sides, dim=1).float().cpu().numpy()


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


def _pair(reference: Any, reconstruction: Any, device: torch.device, size: tuple[int, ...] | None) -> Tensor:
    """2 x T x H x W x 3, uint8, on the device."""
    check_frames(reference, reconstruction, size)
    return torch.stack([on_device(side, device) for side in (reference, reconstruction)])
