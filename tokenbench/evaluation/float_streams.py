"""Streams of float video 1 x 3 x T x H x W, on their way through strangers' code: padded, guarded and checked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import StreamPadding
from tokenbench.evaluation.windows import OnTokens, bits_per_value
from tokenbench.tokenizer import Stream, Tokenizer


class GuardedStream:
    """A tokenizer's own stream, whose failures become the clip's."""

    def __init__(self, name: str, stream: Stream) -> None:
        self._name = name
        self._stream = stream

    @property
    def bits(self) -> float | None:
        """Of all tokens so far."""
        return self._stream.bits

    def push(self, video: Tensor) -> Tensor:
        """Take 1 x 3 x T x H x W; give the frames that are finished."""
        return guarded(f"{self._name}.stream.push", self._stream.push, video)

    def flush(self) -> Tensor:
        """The rest."""
        return guarded(f"{self._name}.stream.flush", self._stream.flush)


class JoinedStream:
    """The two halves of a tokenizer, one after the other, and someone who looks at what passes between them.

    The frames and the bits are those of its own stream.

    Args:
        tokenizer: with `encode_stream` and `decode_stream`.
        on_tokens: sees all tokens.
    """

    def __init__(self, tokenizer: Tokenizer, on_tokens: OnTokens) -> None:
        self._info = tokenizer.info
        self._encoder = tokenizer.encode_stream()  # type: ignore[attr-defined]  # optional in the contract
        self._decoder = tokenizer.decode_stream()  # type: ignore[attr-defined]  # optional in the contract
        self._on_tokens = on_tokens
        self._values = 0
        self._bits_per_value: float | None = 0.0

    @property
    def bits(self) -> float | None:
        """Of all tokens so far, as the card counts them."""
        # Not a sum of each chunk's: that would depend, in its last digits, on the chunks.
        return None if self._bits_per_value is None else self._values * self._bits_per_value

    def push(self, video: Tensor) -> Tensor:
        """Take 1 x 3 x T x H x W; give the frames whose tokens are finished."""
        decoded = self._decoded("push", video)
        return video[:, :, :0] if decoded is None else decoded

    def flush(self) -> Tensor:
        """The rest."""
        decoded = self._decoded("flush")
        name = f"{self._info.name}.decode_stream"
        rest = _checked(name, guarded(f"{name}.flush", self._decoder.flush))
        if decoded is None:
            return rest
        return torch.cat([decoded, rest], dim=2) if rest.numel() else decoded

    def _decoded(self, call: str, *video: Tensor) -> Tensor | None:
        """The frames of the tokens that a call of the encoder gives; None where it gives none."""
        name = f"{self._info.name}.encode_stream"
        tokens = guarded(f"{name}.{call}", getattr(self._encoder, call), *video)
        if not isinstance(tokens, Tensor):
            raise ClipError(f"{name} gave {describe(tokens)}, expected a tensor of tokens")
        if not tokens.numel():
            return None
        self._values += tokens.numel()
        self._bits_per_value = bits_per_value(tokens, self._info)
        self._on_tokens(tokens)
        name = f"{self._info.name}.decode_stream"
        return _checked(name, guarded(f"{name}.push", self._decoder.push, tokens))


class PaddedStream:
    """A float stream, padded as the tokenizer's card says (`StreamPadding`); what it gives is checked."""

    def __init__(self, tokenizer: Tokenizer, stream: Stream) -> None:
        self._name = f"{tokenizer.info.name}.stream"
        self._stream = stream
        self._padding = StreamPadding(tokenizer.info.padding)
        self._taken = 0
        self._given = 0

    @property
    def bits(self) -> float | None:
        """Of all tokens so far, those of the padding included."""
        return self._stream.bits

    def push(self, video: Tensor) -> Tensor:
        """Take 1 x 3 x T x H x W; give the frames that are finished."""
        self._taken += video.shape[2]
        return self._finished(self._push(self._padding.push(video)))

    def flush(self) -> Tensor:
        """Fill the last group of frames, and give the rest of the clip."""
        missing = self._padding.flush()
        parts = [] if missing is None else [self._push(missing)]
        rest = _checked(self._name, self._stream.flush())
        if rest.numel() or not parts:
            parts.append(self._padding.crop(rest) if rest.numel() else rest)
        finished = self._finished(torch.cat(parts, dim=2))
        # Cutting off the padding would hide it, and set frames beside those of other moments.
        pushed = self._taken + (0 if missing is None else missing.shape[2])
        if self._given != pushed:
            raise ClipError(f"{self._name} gave {self._given} frames for {pushed}; it must give as many as it takes")
        return finished

    def _push(self, padded: Tensor) -> Tensor:
        out = _checked(self._name, self._stream.push(padded))
        if not out.shape[2]:
            return self._padding.crop(padded[:, :, :0])
        if _frame(out) != _frame(padded):
            raise ClipError(f"{self._name} gave {describe(out)} for {describe(padded)}; frames must keep their size")
        return self._padding.crop(out)

    def _finished(self, video: Tensor) -> Tensor:
        """Frames of the clip itself: those of the padding come last."""
        wanted = video[:, :, : max(0, self._taken - self._given)]
        self._given += video.shape[2]
        return wanted


def _checked(name: str, out: Any) -> Tensor:
    if not isinstance(out, Tensor) or out.dim() != 5:
        raise ClipError(f"{name} gave {describe(out)}, expected 1 x 3 x T x H x W")
    return out


def _frame(video: Tensor) -> tuple[int, ...]:
    return (*video.shape[:2], *video.shape[3:])
