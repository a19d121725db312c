"""Every tokenizer as a stream of chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import crop_space, pad
from tokenbench.evaluation.windows import Compute, WindowedStream
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import FrameStream, Stream, Tokenizer

Frames = NDArray[np.uint8]


def open_stream(tokenizer: Tokenizer, compute: Compute, *, fps: float) -> FrameStream:
    """One clip's way through a tokenizer, 8-bit frames in and out; its failures name the tokenizer.

    The tokenizer's own stream is used where it has one, else its clip is cut into windows.
    """
    if (frame_stream := getattr(tokenizer, "frame_stream", None)) is not None:
        return GuardedFrames(tokenizer.info.name, frame_stream(fps=fps))
    if (stream := getattr(tokenizer, "stream", None)) is not None:
        return QuantisedStream(PaddedStream(tokenizer, stream(fps=fps)), compute)
    return WindowedStream(tokenizer, compute)


class QuantisedStream:
    """A float stream, for 8-bit frames."""

    def __init__(self, stream: Stream, compute: Compute) -> None:
        self._stream = stream
        self._compute = compute

    @property
    def bits(self) -> float | None:
        """Of all tokens so far."""
        return self._stream.bits

    def push(self, frames: Frames) -> Frames:
        """Take uint8 T x H x W x 3; give the frames that are finished."""
        return to_uint8(self._stream.push(to_float(frames, *self._compute)))

    def flush(self) -> Frames:
        """The rest."""
        return to_uint8(self._stream.flush())


class GuardedFrames:
    """A tokenizer's own 8-bit stream, whose failures become the clip's."""

    def __init__(self, name: str, stream: FrameStream) -> None:
        self._name = name
        self._stream = stream

    @property
    def bits(self) -> float | None:
        """Of all tokens so far."""
        return self._stream.bits

    def push(self, frames: Frames) -> Frames:
        """Take uint8 T x H x W x 3; give the frames that are finished."""
        return self._checked(guarded(f"{self._name}.frame_stream.push", self._stream.push, frames))

    def flush(self) -> Frames:
        """The rest."""
        return self._checked(guarded(f"{self._name}.frame_stream.flush", self._stream.flush))

    def _checked(self, frames: Any) -> Frames:
        if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8 or frames.ndim != 4:
            raise ClipError(f"{self._name}.frame_stream gave {describe(frames)}, expected a uint8 array T x H x W x 3")
        return frames


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
