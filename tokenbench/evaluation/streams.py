"""Every tokenizer as a stream of chunks."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.float_streams import GuardedStream, JoinedStream, PaddedStream
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.windows import (
    Compute,
    Frames,
    OnTokens,
    Output,
    Reconstructed,
    WindowedStream,
    refuse_window,
)
from tokenbench.media.pixels import Quantisation, to_float
from tokenbench.tokenizer import FrameStream, Stream, Tokenizer


class ClipStream(Protocol):
    """One clip on its way through a tokenizer: 8-bit frames in, as many back in the end."""

    @property
    def bits(self) -> float | None:
        """Of all tokens so far; None where it is not known."""
        ...

    def push(self, frames: Frames) -> Reconstructed:
        """Take uint8 T x H x W x 3; give the frames that are finished, T >= 0."""
        ...

    def flush(self) -> Reconstructed:
        """The clip has ended: give the rest."""
        ...


def open_stream(
    tokenizer: Tokenizer,
    compute: Compute,
    *,
    fps: float,
    window: int | None = None,
    quantisation: Quantisation = "round",
    on_device: bool = False,
    on_tokens: OnTokens | None = None,
) -> ClipStream:
    """One clip's way through a tokenizer, 8-bit frames in and frames out; its failures name the tokenizer.

    Args:
        tokenizer: on `compute.device`.
        compute: device and dtype.
        fps: of the clip; 0 for a photograph.
        window: cut the clip into independent windows of so many frames, whatever the tokenizer can do; None takes the
            tokenizer's own stream where it has one, else the window of its card.
        quantisation: of what a network gives (`tokenbench.media.pixels.quantise`); "none" gives float32 in [0, 255].
        on_device: give tensors on `compute.device`, where a network's frames are; codecs that work on 8-bit frames
            themselves give arrays all the same.
        on_tokens: sees all tokens as they come, where `sees_tokens` says so.

    Raises:
        TokenBenchError: the frames are not to be quantised, but the tokenizer works on 8-bit frames itself.
    """
    refuse_float_frames(tokenizer, quantisation, window=window)
    output = Output(quantisation, compute.device if on_device else None)
    if not streams_itself(tokenizer, window):
        return WindowedStream(tokenizer, compute, window or tokenizer.info.window, output, on_tokens)
    if (frame_stream := getattr(tokenizer, "frame_stream", None)) is not None:
        return GuardedFrames(tokenizer.info.name, frame_stream(fps=fps))
    stream: Stream
    if on_tokens is not None and sees_tokens(tokenizer, window):
        stream = JoinedStream(tokenizer, on_tokens)
    else:
        own = tokenizer.stream(fps=fps)  # type: ignore[attr-defined]  # optional in the contract
        stream = GuardedStream(tokenizer.info.name, own)
    return QuantisedStream(PaddedStream(tokenizer, stream), compute, output)


def streams_itself(tokenizer: Tokenizer, window: int | None = None) -> bool:
    """Whether `open_stream` takes the tokenizer's own stream."""
    return window is None and (hasattr(tokenizer, "frame_stream") or hasattr(tokenizer, "stream"))


def sees_tokens(tokenizer: Tokenizer, window: int | None = None) -> bool:
    """Whether tokens can be seen on their way: from window to window, or between two halves that stream apart."""
    if not streams_itself(tokenizer, window):
        return True
    has_halves = hasattr(tokenizer, "encode_stream") and hasattr(tokenizer, "decode_stream")
    return has_halves and not hasattr(tokenizer, "frame_stream")


def window_used(tokenizer: Tokenizer, window: int | None = None) -> int | None:
    """Frames of the independent windows that `open_stream` cuts; None where nothing cuts a clip.

    Raises:
        TokenBenchError: a window is asked for, but every frame goes through the tokenizer alone.
    """
    refuse_window(tokenizer.info, window)
    if tokenizer.info.modality == "image":
        return 1
    return None if streams_itself(tokenizer, window) else window or tokenizer.info.window


def refuse_float_frames(
    tokenizer: Tokenizer, quantisation: Quantisation, *, window: int | None = None, storage: str = "none"
) -> None:
    """Frames that are not quantised come from networks only, and nothing stores them.

    Raises:
        TokenBenchError: says what is in the way.
    """
    if quantisation != "none":
        return
    if storage != "none":
        raise TokenBenchError(
            f"frames that are not quantised cannot go through the storage {storage}, which takes 8 bits;"
            " leave out --storage, or choose a protocol that quantises"
        )
    if streams_itself(tokenizer, window) and hasattr(tokenizer, "frame_stream"):
        raise TokenBenchError(
            f"{tokenizer.info.name} gives 8-bit frames, so it has none that are not quantised;"
            " choose a protocol that quantises"
        )


class QuantisedStream:
    """A float stream, for 8-bit frames."""

    def __init__(self, stream: Stream, compute: Compute, output: Output) -> None:
        self._stream = stream
        self._compute = compute
        self._output = output

    @property
    def bits(self) -> float | None:
        """Of all tokens so far."""
        return self._stream.bits

    def push(self, frames: Frames) -> Reconstructed:
        """Take uint8 T x H x W x 3; give the frames that are finished."""
        return self._output.frames([self._stream.push(to_float(frames, *self._compute))])

    def flush(self) -> Reconstructed:
        """The rest."""
        return self._output.frames([self._stream.flush()])


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
