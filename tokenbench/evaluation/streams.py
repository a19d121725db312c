"""Every tokenizer as a stream of chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import crop_space, pad
from tokenbench.evaluation.windows import WindowedStream
from tokenbench.tokenizer import Stream, Tokenizer


def open_stream(tokenizer: Tokenizer, *, fps: float) -> Stream:
    """The tokenizer's own stream where it has one, else one that cuts windows; its failures name the tokenizer."""
    own = getattr(tokenizer, "stream", None)
    return PaddedStream(tokenizer, own(fps=fps)) if own else WindowedStream(tokenizer)


class PaddedStream:
    """A tokenizer's own stream, padded as its card says; its failures become the clip's.

    Height and width are padded on every chunk. Time is padded at the end, with copies of the last frame: a stream
    does not know how long its clip will be.
    """

    def __init__(self, tokenizer: Tokenizer, stream: Stream) -> None:
        self._name = tokenizer.info.name
        self._stream = stream
        self._rule = tokenizer.info.padding
        self._space = replace(self._rule, frames=(1, 0))
        self._last = torch.empty(1, 3, 0, 0, 0)
        self._taken = 0
        self._given = 0

    @property
    def bits(self) -> float | None:
        """Of all tokens so far, those of the padding included."""
        return self._stream.bits

    def push(self, video: Tensor) -> Tensor:
        """Take 1 x 3 x T x H x W; give the frames that are finished."""
        self._last = video[:, :, -1:]
        self._taken += video.shape[2]
        return self._finished(self._push(video))

    def flush(self) -> Tensor:
        """Fill the last group of frames, and give the rest of the clip."""
        multiple, remainder = self._rule.frames
        missing = -(self._taken - remainder) % multiple
        filled = self._push(self._last.expand(-1, -1, missing, -1, -1)) if missing else self._last[:, :, :0]
        rest = guarded(f"{self._name}.stream.flush", self._stream.flush)
        if isinstance(rest, Tensor) and rest.numel() == 0:
            return self._finished(filled)
        return self._finished(torch.cat([filled, crop_space(self._checked(rest), self._last, self._space)], dim=2))

    def _push(self, video: Tensor) -> Tensor:
        padded = pad(video, self._space)
        out = self._checked(guarded(f"{self._name}.stream.push", self._stream.push, padded))
        if _frame(out) != _frame(padded):
            raise ClipError(
                f"{self._name}.stream gave {describe(out)} for {describe(padded)}; frames must keep their size"
            )
        return crop_space(out, video, self._space) if out.shape[2] else video[:, :, :0]

    def _checked(self, out: Any) -> Tensor:
        if not isinstance(out, Tensor) or out.dim() != 5:
            raise ClipError(f"{self._name}.stream gave {describe(out)}, expected 1 x 3 x T x H x W")
        return out

    def _finished(self, video: Tensor) -> Tensor:
        """Frames of the clip itself: those of the padding come last."""
        wanted = video[:, :, : max(0, self._taken - self._given)]
        self._given += video.shape[2]
        return wanted


def _frame(video: Tensor) -> tuple[int, ...]:
    return (*video.shape[:2], *video.shape[3:])
