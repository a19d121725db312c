"""A clip's tokens while they come in."""

from __future__ import annotations

import torch
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe


class Tape:
    """Tokens one after the other along time, in a single block of memory that grows.

    Kept as they come, many small tensors between a network's large ones would leave the heap in pieces: that took
    400 MB more after 3,000 frames of 128 x 128, whose tokens take 6 MB.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._like: Tensor | None = None

    def append(self, tokens: Tensor) -> None:
        """Add `C x t x h x w` or `t x h x w`, t >= 1, from any device.

        Raises:
            ClipError: they are not like those before.
        """
        latents = tokens.movedim(-3, 0).cpu().contiguous()
        like = latents[:0].clone() if self._like is None else self._like
        if (latents.shape[1:], latents.dtype) != (like.shape[1:], like.dtype):
            raise ClipError(f"the tokens change within the clip: {describe(latents)} ({latents.dtype}) at last")
        self._like = like
        self._data += latents.view(-1).view(torch.uint8).numpy().data

    def tensor(self) -> Tensor | None:
        """All of them; None where there were none."""
        if self._like is None:
            return None
        whole = torch.frombuffer(self._data, dtype=self._like.dtype).view(-1, *self._like.shape[1:])
        return whole.movedim(0, -3).contiguous()
