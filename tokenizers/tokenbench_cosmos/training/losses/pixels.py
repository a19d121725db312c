"""The difference of pixels."""

from __future__ import annotations

import torch
from torch import Tensor

# Keeps the gradient of a root finite where nothing differs: a hundredth of an 8-bit level, squared.
_LEAST = (2 / 255 / 100) ** 2

# Mean squared error of rounding to 8 bits.
_ROUNDING = (2 / 255) ** 2 / 12


class L1:
    """mean |x - y| over all samples, channels, frames and pixels.

    Source:
        arXiv 2501.03575, section 4.1, whose norm is a mean in the published training code ("color").
    """

    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """A scalar, float32, of two B x 3 x T x H x W."""
        return (reconstruction.float() - target.float()).abs().mean()


class Rmse:
    """Root of the mean squared difference of each sample, mean over samples.

    Half-way between the mean squared error, which looks at the worst samples, and PSNR, its logarithm, for which all
    count alike. Neither the paper nor the published training code has it.
    """

    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """A scalar, float32, of two B x 3 x T x H x W."""
        squared = (reconstruction.float() - target.float()).square().flatten(1).mean(1)
        return (squared + _LEAST).sqrt().mean()


class Decibels:
    """Error of each sample in dB above that of rounding to 8 bits, mean over samples: 10 log10(1 + MSE / its MSE).

    PSNR turned round: a dB counts alike in a clean sample and in a noisy one, down to errors that 8 bits do not show.
    Neither the paper nor the published training code has it.
    """

    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """A scalar, float32, of two B x 3 x T x H x W."""
        squared = (reconstruction.float() - target.float()).square().flatten(1).mean(1)
        return 10 * torch.log10(1 + squared / _ROUNDING).mean()
