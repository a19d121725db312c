"""The difference of feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tokenbench.networks.stlpips import StLpips
from tokenbench_cosmos.training.losses.maps import Maps
from tokenbench_cosmos.training.losses.settings import Form


@dataclass(frozen=True)
class Perceptual:
    """The absolute difference of raw feature maps, by depth: d[l] = mean |F_l(x) - F_l(y)| over all elements.

    - "code": sum over l of a[l] d[l]; a clip counts as much as an image. Source: the published training code.
    - "paper": 1/L times the same, summed over the frames of a clip. Source: arXiv 2501.03575, section 4.1; its norm
      over a map's elements is taken as their mean, so that depth and size of the frame do not change its scale.

    Both are averaged over the batch.

    Args:
        form: which of them.
        layer_weights: a, one a depth.
    """

    form: Form
    layer_weights: Sequence[float]

    def __call__(self, reconstruction: Maps, target: Maps) -> Tensor:
        """A scalar, float32, of the maps of two videos."""
        loss = torch.stack(
            [
                weight * (x - y).abs().mean(dtype=torch.float32)
                for weight, x, y in zip(self.layer_weights, reconstruction, target, strict=True)
            ]
        ).sum()
        if self.form == "code":
            return loss
        return loss * reconstruction[0].shape[1] / len(self.layer_weights)


@dataclass(frozen=True)
class ShiftTolerant:
    """The distance ST-LPIPS, mean over frames, in both forms.

    Source:
        Ghildyal and Liu 2022 (arXiv 2207.13686).

    Args:
        network: that the maps are of.
    """

    network: StLpips

    def __call__(self, reconstruction: Maps, target: Maps) -> Tensor:
        """A scalar, float32, of the maps of two videos."""
        with torch.autocast(reconstruction[0].device.type, enabled=False):
            sides = ([maps.float().flatten(0, 1) for maps in side] for side in (reconstruction, target))
            return self.network.between(*sides).mean()
