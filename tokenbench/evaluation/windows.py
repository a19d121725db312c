"""Stream a clip through a tokenizer that takes whole clips, in independent windows of its own length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import crop, pad
from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, Tokenizer, TokenizerInfo, Tokens


class WindowedStream:
    """Consecutive windows of `info.window` frames, each padded, encoded, decoded and cropped alone.

    No state crosses a window. The last window may be shorter. A tokenizer for images takes a window's frames as a
    batch.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._waiting: list[Tensor] = []
        self._count = 0
        self._nothing = torch.empty(1, 3, 0, 0, 0)
        self.bits: float | None = 0.0

    def push(self, video: Tensor) -> Tensor:
        """Take 1 x 3 x T x H x W; give the windows that are full."""
        self._nothing = video[:, :, :0]
        self._waiting.append(video)
        self._count += video.shape[2]
        window = self._tokenizer.info.window
        if window is None or self._count < window:
            return self._nothing
        frames = torch.cat(self._waiting, dim=2)
        full = self._count - self._count % window
        self._waiting, self._count = [frames[:, :, full:]], self._count - full
        return torch.cat([self._reconstruct(part) for part in frames[:, :, :full].split(window, dim=2)], dim=2)

    def flush(self) -> Tensor:
        """The last, shorter window."""
        if self._count == 0:
            return self._nothing
        frames = torch.cat(self._waiting, dim=2)
        self._waiting, self._count = [], 0
        return self._reconstruct(frames)

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
