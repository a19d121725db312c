"""The discriminator of the adversarial stage: tells patches of clips from patches of reconstructions."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tokenbench.errors import TokenBenchError
from tokenbench_cosmos.training.losses import LossSettings

# Channels grow no further than this many times the first layer's.
_MOST = 8
_SLOPE = 0.2
_GROUPS = 32


class PatchDiscriminator(nn.Module):
    """A convolutional network that scores overlapping patches of a clip, not the clip: above 0 is taken for real.

    Each of the first layers halves time and space and doubles the channels; two more look at their surroundings. In
    time every kernel is three wide between zeros, so that a single frame stays one: an image is scored like a clip.
    Samples of a batch do not see each other.

    Source:
        Isola et al. 2017 (PatchGAN, arXiv 1611.07004), its 2-D convolutions made 3-D, and its batch normalisation a
        group normalisation of each sample (Wu and He 2018, arXiv 1803.08494), or spectral normalisation of the
        weights (Miyato et al. 2018, arXiv 1802.05957).

    Args:
        channels: of the first layer.
        layers: that halve time and space.
        spectral: normalise the weights, and not the maps.
    """

    def __init__(self, channels: int = 64, layers: int = 3, *, spectral: bool = False) -> None:
        super().__init__()
        self.layers, self.least = layers, least_side(layers)
        widths = [channels * min(2**index, _MOST) for index in range(layers + 1)]
        blocks: list[nn.Module] = [_convolution(3, channels, 2, spectral), nn.LeakyReLU(_SLOPE)]
        for index, (before, after) in enumerate(pairwise(widths), start=1):
            blocks += [
                _convolution(before, after, 2 if index < layers else 1, spectral),
                nn.Identity() if spectral else nn.GroupNorm(math.gcd(_GROUPS, after), after),
                nn.LeakyReLU(_SLOPE),
            ]
        self.blocks = nn.Sequential(*blocks, _convolution(widths[-1], 1, 1, spectral))

    def forward(self, video: Tensor) -> Tensor:
        """Scores B x 1 x T' x H' x W' of B x 3 x T x H x W, float, [-1, 1].

        Each layer halves time and rounds up; it halves height and width and rounds down.

        Raises:
            TokenBenchError: fewer than 2 x 2 scores would be left of a frame.
        """
        height, width = video.shape[3:]
        if min(height, width) < self.least:
            raise TokenBenchError(
                f"a discriminator of {self.layers} layers needs frames of at least {self.least} x {self.least} "
                f"pixels, got {width} x {height}; set losses.discriminator_layers lower, or take larger crops"
            )
        return self.blocks(video)


def least_side(layers: int) -> int:
    """Pixels of the smallest frame that a discriminator takes."""
    # At the end, 2 x 2 scores: one alone could not be normalised.
    return int(2 ** (layers + 1))


def build_discriminator(settings: LossSettings) -> PatchDiscriminator | None:
    """The discriminator of a recipe, on the CPU; None where it has none."""
    if settings.adversarial == "none" or settings.adversarial_weight == 0:
        return None
    return PatchDiscriminator(
        settings.discriminator_channels, settings.discriminator_layers, spectral=settings.spectral_norm
    )


def _convolution(channels: int, width: int, stride: int, spectral: bool) -> nn.Module:
    # An even kernel strides evenly over pixels; an odd one keeps the size.
    space = 4 if stride == 2 else 3
    convolution = nn.Conv3d(channels, width, (3, space, space), stride, padding=1)
    return spectral_norm(convolution) if spectral else convolution
