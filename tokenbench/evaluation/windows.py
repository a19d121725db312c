"""Stream a clip through a tokenizer that takes whole clips, in independent windows of its own length."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import crop, pad
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, Tokenizer, TokenizerInfo, Tokens

Frames = NDArray[np.uint8]


class Compute(NamedTuple):
    """Where a tokenizer runs and in which arithmetic."""

    device: torch.device
    dtype: torch.dtype


class WindowedStream:
    """Consecutive windows of `info.window` frames, each padded, encoded, decoded and cropped alone.

    No state crosses a window. The last window may be shorter. A tokenizer for images takes a window's frames as a
    batch. Frames wait for their window in 8 bits: a float copy would take four times the memory.
    """

    def __init__(self, tokenizer: Tokenizer, compute: Compute) -> None:
        self._tokenizer = tokenizer
        self._compute = compute
        self._waiting = np.empty((0, 0, 0, 3), np.uint8)
        self.bits: float | None = 0.0

    def push(self, frames: Frames) -> Frames:
        """Take uint8 T x H x W x 3; give the windows that are full."""
        self._waiting = np.concatenate([self._waiting, frames]) if len(self._waiting) else frames
        window = self._tokenizer.info.window
        full = len(self._waiting) - len(self._waiting) % window if window else 0
        return self._take(full, window or 1)

    def flush(self) -> Frames:
        """The last, shorter window."""
        return self._take(len(self._waiting), len(self._waiting) or 1)

    def _take(self, count: int, window: int) -> Frames:
        """The reconstruction of the first `count` waiting frames."""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        windows = [taken[start : start + window] for start in range(0, count, window)]
        done = [to_uint8(self._reconstruct(to_float(part, *self._compute))) for part in windows]
        return np.concatenate(done) if len(done) > 1 else done[0] if done else taken

    def _reconstruct(self, video: Tensor) -> Tensor:
        if self._tokenizer.info.modality == "image":
            batch = video.squeeze(0).transpose(0, 1)
            return self._reconstruct_padded(batch.unsqueeze(2)).squeeze(2).transpose(0, 1).unsqueeze(0)
        return self._reconstruct_padded(video)

    def _reconstruct_padded(self, video: Tensor) -> Tensor:
        rule = self._tokenizer.info.padding
        return crop(self._through_tokenizer(pad(video, rule)), video, rule)

    def _through_tokenizer(self, padded: Tensor) -> Tensor:
        """B x 3 x T x H x W there and back; an image tokenizer sees B x 3 x H x W."""
        name = self._tokenizer.info.name
        given = padded.squeeze(2) if self._tokenizer.info.modality == "image" else padded
        tokens = guarded(f"{name}.encode", self._tokenizer.encode, given)
        self._count_bits(tokens)
        decoded = guarded(f"{name}.decode", self._tokenizer.decode, tokens)
        if not isinstance(decoded, Tensor) or decoded.shape != given.shape:
            raise ClipError(
                f"{name}.decode gave {describe(decoded)} for an input of {describe(given)}; expected the same shape"
            )
        return decoded.reshape(padded.shape)

    def _count_bits(self, tokens: Any) -> None:
        bits = bits_of(tokens, self._tokenizer.info)
        self.bits = None if bits is None or self.bits is None else self.bits + bits


def bits_of(tokens: Any, info: TokenizerInfo) -> float | None:
    """Bits that tokens take; None where neither they nor the card say."""
    if isinstance(tokens, Tokens):
        return tokens.bits
    if isinstance(tokens, Tensor) and tokens.is_floating_point():
        return float(BITS_PER_LATENT_VALUE * tokens.numel())
    return None
