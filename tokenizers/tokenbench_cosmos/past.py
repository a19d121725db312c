"""What a causal network remembers of a clip that passes through it chunk by chunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TIME = 2


class Past:
    """The memory of one clip on its way through one network.

    Every layer that looks back keeps, under itself, just what the next chunk needs of it: the last frames before a
    convolution, the keys and values of temporal attention. Layers that treat a clip's first frame apart leave a mark
    when they have seen it. Chunks given with the same `Past` so add up to one pass over the whole clip.

    The attention's share grows with the clip, by `2 x channels` values for every token; the rest does not.
    """

    def __init__(self) -> None:
        self._kept: dict[nn.Module, tuple[Tensor, ...]] = {}

    def recall(self, layer: nn.Module) -> tuple[Tensor, ...] | None:
        """What the layer kept at the last chunk; None at the first."""
        return self._kept.get(layer)

    def keep(self, layer: nn.Module, *tensors: Tensor) -> None:
        """Remember these for the layer's next chunk, in place of what it kept before."""
        self._kept[layer] = tensors

    @property
    def nbytes(self) -> int:
        """Memory that is held, in bytes."""
        return sum(tensor.nbytes for tensors in self._kept.values() for tensor in tensors)


def begins(layer: nn.Module, past: Past | None) -> bool:
    """Whether a chunk is the first that this layer sees of its clip."""
    if past is None:
        return True
    first = past.recall(layer) is None
    if first:
        past.keep(layer)
    return first


def join(*parts: Tensor) -> Tensor:
    """Concatenate B x C x T x H x W along time, in channels-last memory: torch.cat alone may choose another one."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.movedim(1, -1) for part in parts], dim=1).movedim(-1, 1)


def last_frames(x: Tensor, count: int) -> Tensor:
    """A copy of the last frames of the beginning of a clip, or of what follows it; its first frame stands for more."""
    missing = max(0, count - x.shape[TIME])
    return join(x[:, :, :1].expand(-1, -1, missing, -1, -1), x[:, :, x.shape[TIME] + missing - count :]).clone()
