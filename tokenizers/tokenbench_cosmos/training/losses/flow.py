"""The difference of motion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tokenbench.networks.raft import RaftFlow
from tokenbench_cosmos.training.losses.settings import Form


@dataclass(frozen=True)
class Flow:
    """The absolute difference of optical flow between neighbouring frames, from each to the next and back.

    Flow is found at half the height and width (trilinear, time kept), enlarged to the full size, and doubled, for
    pixels are half as large there.

    - "code": the mean over both directions, pairs, pixels and the two components. Source: the published training code.
    - "paper": the sum of the two directions' means. Source: arXiv 2501.03575, section 4.1, with a mean for its norm.
      The paper does not say at which size it finds flow.

    Args:
        form: which of them.
        network: RAFT.
    """

    form: Form
    network: RaftFlow

    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """A scalar, float32, of two B x 3 x T x H x W, float32, [-1, 1], T of two or more."""
        with torch.no_grad():
            expected = self._flows(target)
        difference = 2 * F.interpolate(
            self._flows(reconstruction) - expected, reconstruction.shape[3:], mode="bilinear"
        )
        mean = difference.abs().mean(dtype=torch.float32)
        return mean if self.form == "code" else 2 * mean

    def _flows(self, video: Tensor) -> Tensor:
        """Forward, then backward, 2 B (T - 1) x 2 x H / 2 x W / 2."""
        small = F.interpolate(video, scale_factor=(1, 0.5, 0.5), mode="trilinear").transpose(1, 2)
        earlier, later = small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)
        return self.network.flow(torch.cat([earlier, later]), torch.cat([later, earlier]))
