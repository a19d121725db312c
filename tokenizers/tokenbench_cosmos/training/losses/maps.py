"""Feature maps of videos, on which the perceptual and the Gram loss stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from torch import Tensor

# Of five depths, each B x T x C x H' x W'.
Maps: TypeAlias = Sequence[Tensor]

# Frames N x 3 x H x W, float32, [-1, 1] to maps N x C x H' x W'.
FeatureNetwork: TypeAlias = Callable[[Tensor], Iterable[Tensor]]


def maps_of(network: FeatureNetwork, video: Tensor) -> Maps:
    """The maps of every frame of B x 3 x T x H x W, float32, [-1, 1]."""
    frames = video.transpose(1, 2)
    return [maps.unflatten(0, frames.shape[:2]) for maps in network(frames.flatten(0, 1))]
