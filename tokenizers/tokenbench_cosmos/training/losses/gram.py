"""The difference of Gram matrices: which features go together, wherever they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tokenbench_cosmos.training.losses.maps import Maps
from tokenbench_cosmos.training.losses.settings import Form


@dataclass(frozen=True)
class Gram:
    """The difference of G_l = F_l F_l^T / positions, F_l the C x positions of the map of depth l.

    - "code": one matrix a clip, over all its frames; sum over l of a[l] mean (G_l(x) - G_l(y))^2 over the matrix.
      Source: the published training code.
    - "paper": one matrix a frame; 1/L sum over l and frames of a[l] mean |G_l(x) - G_l(y)|. Source: arXiv 2501.03575,
      section 4.1, with a mean over the matrix for its norm, as in `Perceptual`.

    Both are averaged over the batch. Matrices are computed in float32, whatever the maps are.

    Args:
        form: which of them.
        layer_weights: a, one a depth.
    """

    form: Form
    layer_weights: Sequence[float]

    def __call__(self, reconstruction: Maps, target: Maps) -> Tensor:
        """A scalar, float32, of the maps of two videos."""
        with torch.autocast(reconstruction[0].device.type, enabled=False):
            differences = [_gram(x) - _gram(y) for x, y in zip(reconstruction, target, strict=True)]
        if self.form == "code":
            # Frames are of one size: the mean of their matrices is the matrix of the clip.
            losses = [difference.mean(dim=1).square().mean() for difference in differences]
            return self._weighted(losses)
        losses = [difference.abs().mean() for difference in differences]
        return self._weighted(losses) * reconstruction[0].shape[1] / len(losses)

    def _weighted(self, losses: list[Tensor]) -> Tensor:
        return torch.stack([weight * loss for weight, loss in zip(self.layer_weights, losses, strict=True)]).sum()


def _gram(maps: Tensor) -> Tensor:
    """B x T x C x C of B x T x C x H x W."""
    features = maps.float().flatten(3)
    return features @ features.transpose(2, 3) / features.shape[3]
