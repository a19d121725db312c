"""Every tokenizer as a stream of chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import StreamPadding
from tokenbench.evaluation.windows import Compute, WindowedStream, refuse_window
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.tokenizer import FrameStream, Stream, Tokenizer

Frames = NDArray[np.uint8]


def open_stream(tokenizer: Tokenizer, compute: Compute, *, fps: float, window: int | None = None) -> FrameStream:
    """One clip's way through a tokenizer, 8-bit frames in and out; its failures name the tokenizer.

    Args:
        tokenizer: on `compute.device`.
        compute: device and dtype.
        fps: of the clip; 0 for a photograph.
        window: cut the clip into independent windows of so many frames, whatever the tokenizer can do; None takes the
            tokenizer's own stream where it has one, else the window of its card.
    """
    if not streams_itself(tokenizer, window):
        return WindowedStream(tokenizer, compute, window or tokenizer.info.window)
    if (frame_stream := getattr(tokenizer, "frame_stream", None)) is not None:
        return GuardedFrames(tokenizer.info.name, frame_stream(fps=fps))
    stream = tokenizer.stream(fps=fps)  # type: ignore[attr-defined]  # optional in the contract
    return QuantisedStream(PaddedStream(tokenizer, stream), compute)


def streams_itself(tokenizer: Tokenizer, window: int | None = None) -> bool:
    """Whether `open_stream` takes the tokenizer's own stream."""
    return window is None and (hasattr(tokenizer, "frame_stream") or hasattr(tokenizer, "stream"))


def window_used(tokenizer: Tokenizer, window: int | None = None) -> int | None:
    """Frames of the independent windows that `open_stream` cuts; None where nothing cuts a clip.

    Raises:
        TokenBenchError: a window is asked for, but every frame goes through the tokenizer alone.
    """
    refuse_window(tokenizer.info, window)
    if tokenizer.info.modality == "image":
        return 1
    return None if streams_itself(tokenizer, window) else window or tokenizer.info.window


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
    """A tokenizer's own stream, padded as its card says (`StreamPadding`); its failures become the clip's."""

    def __init__(self, tokenizer: Tokenizer, stream: Stream) -> None:
        self._name = tokenizer.info.name
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
        rest = self._checked(guarded(f"{self._name}.stream.flush", self._stream.flush))
        if rest.numel() or not parts:
            parts.append(self._padding.crop(rest) if rest.numel() else rest)
        return self._finished(torch.cat(parts, dim=2))

    def _push(self, padded: Tensor) -> Tensor:
        out = self._checked(guarded(f"{self._name}.stream.push", self._stream.push, padded))
        if not out.shape[2]:
            return self._padding.crop(padded[:, :, :0])
        if _frame(out) != _frame(padded):
            raise ClipError(
                f"{self._name}.stream gave {describe(out)} for {describe(padded)}; frames must keep their size"
            )
        return self._padding.crop(out)

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
