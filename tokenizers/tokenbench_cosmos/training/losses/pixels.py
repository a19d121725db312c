"""The difference of pixels."""

from __future__ import annotations

from torch import Tensor


class L1:
    """mean |x - y| over all samples, channels, frames and pixels.

    Source:
        arXiv 2501.03575, section 4.1, whose norm is a mean in the published training code ("color").
    """

    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """A scalar, float32, of two B x 3 x T x H x W."""
        return (reconstruction.float() - target.float()).abs().mean()
