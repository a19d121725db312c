"""What a causal network remembers of a clip that passes through it chunk by chunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TIME = 2

# Values of a block of memory: 64 MB in float32, of which only what is used becomes resident.
_BLOCK = 2**24


class Past:
    """The memory of one clip on its way through one network.

    Every layer that looks back keeps, under itself, just what the next chunk needs of it: the last frames before a
    convolution, the inputs of temporal attention. Layers that treat a clip's first frame apart leave a mark
    when they have seen it. Chunks given with the same `Past` so add up to one pass over the whole clip.

    The attention's share grows with the clip, by `channels` values for every token; the rest does not.
    """

    def __init__(self) -> None:
        self._kept: dict[nn.Module, tuple[Tensor, ...]] = {}
        self._free: Tensor | None = None

    def recall(self, layer: nn.Module) -> tuple[Tensor, ...] | None:
        """What the layer kept at the last chunk; None at the first."""
        return self._kept.get(layer)

    def keep(self, layer: nn.Module, *tensors: Tensor) -> None:
        """Remember these for the layer's next chunk, in place of what it kept before."""
        self._kept[layer] = tensors

    def keep_copy(self, layer: nn.Module, tensor: Tensor) -> None:
        """Remember a part of a larger tensor; it is written over what the layer kept before."""
        held = self._kept.get(layer)
        if not held or held[0].shape != tensor.shape:
            held = self._kept[layer] = (self._room_for(tensor),)
        held[0].copy_(tensor)

    def _room_for(self, tensor: Tensor) -> Tensor:
        """Uninitialised memory of the same shape, in channels-last order.

        It comes from large blocks: small pieces that stay would scatter the heap in which the maps come and go.
        """
        size = tensor.numel()
        if self._free is None or len(self._free) < size:
            # Made outside of inference mode, in which alone it could be written to otherwise.
            with torch.inference_mode(False):
                self._free = torch.empty(max(size, _BLOCK), dtype=tensor.dtype, device=tensor.device)
        room, self._free = self._free[:size], self._free[size:]
        return room.view(tensor.movedim(1, -1).shape).movedim(-1, 1)

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
    """The last frames of the beginning of a clip, or of what follows it; its first frame stands for more."""
    missing = max(0, count - x.shape[TIME])
    return join(x[:, :, :1].expand(-1, -1, missing, -1, -1), x[:, :, x.shape[TIME] + missing - count :])
