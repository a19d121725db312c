"""Warping error: do a reconstruction's frames agree along the motion of the reference?

Importing this module loads torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tokenbench.errors import NotApplicable
from tokenbench.metrics.perceptual import BATCH_PIXELS, FrameBatches
from tokenbench.parallel import each

# From frames x and y, N x H x W x 3, uint8, to N x 2 x H x W, float: how many pixels to the right (0) and down (1) of a
# pixel of x its content lies in y. One with an attribute `device` is given frames on that device, others on the CPU.
Flow = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Ruder et al. 2016: a share of squared lengths, and square pixels (of a border: of the change from pixel to pixel).
_CONSISTENCY = (0.01, 0.5)
_BOUNDARY = (0.01, 0.002)

ILK_RADIUS = 7
ILK_SHORT_SIDE = 256

# ITU-R BT.601.
_LUMA = (0.299, 0.587, 0.114)


class WarpingError:
    """Mean over frame pairs of the reconstruction's squared error along the reference's optical flow.

    With f the flow from reference frame t to t + 1 and y the reconstruction on [0, 1], a pair's error is the mean of
    `(y[t](p) - y[t+1](p + f(p)))^2` over channels and the visible pixels p of frame t. So frame t + 1 is warped back
    onto frame t, bilinearly. Not visible is a pixel

    - whose p + f(p) lies outside the frame,
    - that is occluded: |f(p) + b(p + f(p))|^2 > 0.01 (|f(p)|^2 + |b(p + f(p))|^2) + 0.5, with b the flow from frame
      t + 1 back to t, or
    - at a border of motion: |grad u|^2 + |grad v|^2 > 0.01 |f|^2 + 0.002, with f = (u, v) and forward differences.

    A pair without a visible pixel does not count.

    Source:
        Lai et al. 2018, "Learning blind video temporal consistency", whose masks are those of Ruder et al. 2016,
        "Artistic style transfer for videos". Lai et al. take FlowNet 2 for the flow.

    Args:
        name: of the metric.
        flow: between frames.
        batch_pixels: of the frame pairs that `flow` is given at once; a larger frame makes a batch of its own.
    """

    def __init__(self, name: str, flow: Flow, batch_pixels: int = BATCH_PIXELS) -> None:
        self._name = name
        self._flow = flow
        self._batches = FrameBatches(getattr(flow, "device", torch.device("cpu")), batch_pixels, overlap=1)
        self._errors: list[torch.Tensor] = []

    def update(
        self, reference: NDArray[np.uint8] | torch.Tensor, reconstruction: NDArray[np.uint8] | torch.Tensor
    ) -> None:
        """Add the next frames of the clip.

        Args:
            reference: T x H x W x 3, uint8, [0, 255]; H and W the same for all chunks.
            reconstruction: the same shape, frame by frame beside `reference`.

        Raises:
            NotApplicable: the frames are too small for the flow.
            ClipError: the two differ in shape, or the frames' size has changed.
            TokenBenchError: not uint8, or not T x H x W x 3.
        """
        for x, y in self._batches.push(reference, reconstruction):
            self._errors.append(self._pair_errors(x, y))

    def values(self) -> dict[str, float]:
        """The error by the metric's name, in [0, 1]; above 0 even for identical clips, where the flow is not perfect.

        Raises:
            NotApplicable: there were fewer than two frames, or no frame pair has a visible pixel.
        """
        last = [self._pair_errors(x, y) for x, y in self._batches.rest()]
        errors = [error for batch in [*self._errors, *last] for error in batch.tolist()]
        if not errors:
            raise NotApplicable(f"{self._name} needs at least two frames: the clip has fewer")
        seen = [error for error in errors if not math.isnan(error)]
        if not seen:
            raise NotApplicable(f"{self._name}: no pixel can be followed from any frame of the clip to the next")
        return {self._name: math.fsum(seen) / len(seen)}

    def _pair_errors(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """N - 1 errors, float64, of N frames; NaN where nothing is visible."""
        forward, backward = self._flow(x[:-1], x[1:]).float(), self._flow(x[1:], x[:-1]).float()
        images = y.permute(0, 3, 1, 2).float() / 255
        squares = (images[:-1] - warp(images[1:], forward)).square().mean(dim=1)
        counted = visible(forward, backward)
        return (squares * counted).sum(dim=(1, 2), dtype=torch.float64) / counted.sum(dim=(1, 2))


def ilk_flow(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Optical flow without a network: scikit-image's iterative Lucas-Kanade, radius 7, on luma.

    Frames are first reduced (bilinear, antialiased) to a short side of 256 pixels at most, and their flow is enlarged
    bilinearly: at 720p that takes an eighth of the time.

    Args:
        x: N x H x W x 3, uint8, [0, 255], on the CPU.
        y: the same shape.

    Returns:
        N x 2 x H x W, float32: how many pixels to the right and down the content of each pixel of x lies in y.

    Raises:
        NotApplicable: a side of the frames is a single pixel.

    Source:
        Le Besnerais and Champagnat 2005, as `skimage.registration.optical_flow_ilk`, otherwise with its defaults.
    """
    height, width = x.shape[1:3]
    if min(height, width) < 2:
        raise NotApplicable(f"optical flow needs at least 2 x 2 pixels, got {width} x {height}")
    scale = min(1.0, ILK_SHORT_SIDE / min(height, width))
    size = round(height * scale), round(width * scale)
    small = np.stack(each(_ilk, zip(_luma(x, size), _luma(y, size), strict=True)))
    to_pixels = torch.tensor([width / size[1], height / size[0]]).view(2, 1, 1)
    return F.interpolate(torch.from_numpy(small) * to_pixels, (height, width), mode="bilinear", align_corners=False)


def warp(images: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Images seen from where a flow starts: at p, bilinearly, the value that lies at p + flow(p).

    Args:
        images: N x C x H x W, float; their borders go on for ever.
        flow: N x 2 x H x W, float, in pixels to the right and down.
    """
    height, width = images.shape[2:]
    right, down = _ends(flow).unbind(dim=1)
    grid = torch.stack([(2 * right + 1) / width - 1, (2 * down + 1) / height - 1], dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def visible(forward: torch.Tensor, backward: torch.Tensor) -> torch.Tensor:
    """Where a flow can be trusted, as `WarpingError` has it: N x H x W, bool.

    Args:
        forward: N x 2 x H x W, float, in pixels, from one frame to another.
        backward: the same, from the other to the one.
    """
    height, width = forward.shape[2:]
    right, down = _ends(forward).unbind(dim=1)
    inside = (right >= 0) & (right <= width - 1) & (down >= 0) & (down <= height - 1)
    back = warp(backward, forward)
    lengths = _squared(forward) + _squared(back)
    consistent = _squared(forward + back) <= _CONSISTENCY[0] * lengths + _CONSISTENCY[1]
    slopes = _squared(F.pad(forward.diff(dim=3), (0, 1))) + _squared(F.pad(forward.diff(dim=2), (0, 0, 0, 1)))
    smooth = slopes <= _BOUNDARY[0] * _squared(forward) + _BOUNDARY[1]
    return inside & consistent & smooth


def _ends(flow: torch.Tensor) -> torch.Tensor:
    """Column and row of p + flow(p), N x 2 x H x W."""
    height, width = flow.shape[2:]
    rows, columns = (torch.arange(side, device=flow.device, dtype=flow.dtype) for side in (height, width))
    return flow + torch.stack(torch.meshgrid(columns, rows, indexing="xy"))


def _squared(vectors: torch.Tensor) -> torch.Tensor:
    """Squared lengths, N x H x W, of N x 2 x H x W."""
    return vectors.square().sum(dim=1)


def _luma(frames: torch.Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    """N x h x w, float32, [0, 1]."""
    luma = (frames.float() @ torch.tensor(_LUMA))[:, None] / 255
    if luma.shape[2:] != size:
        luma = F.interpolate(luma, size, mode="bilinear", align_corners=False, antialias=True)
    return luma[:, 0].numpy()


def _ilk(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.float32]:
    """2 x h x w: to the right, down."""
    from skimage.registration import optical_flow_ilk

    down, right = optical_flow_ilk(*pair, radius=ILK_RADIUS)
    return np.stack([right, down])
