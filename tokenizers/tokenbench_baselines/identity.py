"""The ceiling of every table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens

_BITS_PER_VALUE = 8


class Identity(Tokenizer):
    """Gives back what it gets; its tokens are the pixels, counted at 8 bits a value."""

    def __init__(self, info: TokenizerInfo, **_: Any) -> None:
        self.info = info

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x T x H x W as it is."""
        return Tokens(video, float(video.numel() * _BITS_PER_VALUE))

    def decode(self, tokens: Tokens) -> Tensor:
        """B x 3 x T x H x W as it was."""
        return tokens.data

    def frame_stream(self, *, fps: float) -> IdentityStream:
        """Any chunk, at once."""
        return IdentityStream()


class IdentityStream:
    """No frame waits."""

    def __init__(self) -> None:
        self.bits = 0.0
        self._nothing = np.empty((0, 0, 0, 3), np.uint8)

    def push(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Uint8 T x H x W x 3 as it is."""
        self.bits += frames.size * _BITS_PER_VALUE
        self._nothing = frames[:0]
        return frames

    def flush(self) -> NDArray[np.uint8]:
        """Nothing is left."""
        return self._nothing
