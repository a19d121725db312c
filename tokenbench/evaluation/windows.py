"""Stream a clip through a tokenizer that takes whole clips, in independent windows of so many frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.frames import as_array
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import Margins, crop_margins, margins_of, pad
from tokenbench.media.pixels import Quantisation, quantise, to_float
from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, Tokenizer, TokenizerInfo, Tokens

Frames = NDArray[np.uint8]

# What becomes of them: arrays, or tensors that stay on the tokenizer's device; uint8, or float32 in [0, 255].
Reconstructed = NDArray[Any] | Tensor

# Sees the tokens of a clip on their way, as `Tokens.data` holds them, those of padding included.
OnTokens = Callable[[Any], None]


class Compute(NamedTuple):
    """Where a tokenizer runs and in which arithmetic."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class Output:
    """In which form reconstructions leave a stream.

    Args:
        quantisation: as `tokenbench.media.pixels.quantise` takes it.
        device: of the tensors that are given; None gives arrays.
    """

    quantisation: Quantisation = "round"
    device: torch.device | None = None

    def frames(self, videos: Iterable[Tensor]) -> Reconstructed:
        """One or more 1 x 3 x T x H x W in [-1, 1], end to end as T x H x W x 3."""
        parts = [quantise(video, self.quantisation) for video in videos]
        frames = parts[0] if len(parts) == 1 else torch.cat(parts)
        return as_array(frames) if self.device is None else frames.to(self.device)


class WindowedStream:
    """Consecutive windows, each padded, encoded, decoded and cropped alone: no state crosses a window.

    Args:
        tokenizer: on `compute.device`.
        compute: device and dtype.
        window: frames of a window; None makes one of the whole clip.
        output: the form of what is given.
        on_tokens: sees the tokens of each window.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        compute: Compute,
        window: int | None,
        output: Output,
        on_tokens: OnTokens | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._compute = compute
        self._cutter = WindowCutter(window)
        self._output = output
        self._on_tokens = on_tokens
        self._size: tuple[int, ...] = (0, 0)
        self.bits: float | None = 0.0

    def push(self, frames: Frames) -> Reconstructed:
        """Take uint8 T x H x W x 3; give the windows that are full."""
        self._size = frames.shape[1:3]
        return self._reconstructed(self._cutter.push(frames))

    def flush(self) -> Reconstructed:
        """The last, shorter window."""
        return self._reconstructed(self._cutter.flush())

    def _reconstructed(self, windows: list[Frames]) -> Reconstructed:
        if not windows:
            return self._output.frames([torch.empty(1, 3, 0, *self._size)])
        return self._output.frames(self._through(to_float(window, *self._compute)) for window in windows)

    def _through(self, video: Tensor) -> Tensor:
        tokens = encode_window(self._tokenizer, video)
        bits = bits_of(tokens, self._tokenizer.info)
        self.bits = None if bits is None or self.bits is None else self.bits + bits
        if self._on_tokens is not None:
            self._on_tokens(tokens.data if isinstance(tokens, Tokens) else tokens)
        return decode_window(self._tokenizer, tokens, tuple(video.shape[2:]), window_margins(self._tokenizer, video))


class WindowCutter:
    """Cuts a clip's chunks into windows; frames wait for theirs in 8 bits, as a float copy would take four times more.

    Args:
        window: frames of a window, the last of which may be shorter; None makes one of the whole clip.
    """

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._waiting = np.empty((0, 0, 0, 3), np.uint8)

    def push(self, frames: Frames) -> list[Frames]:
        """Take uint8 T x H x W x 3; give the windows that are full."""
        self._waiting = np.concatenate([self._waiting, frames]) if len(self._waiting) else frames
        size = self._window or len(self._waiting) + 1
        full = len(self._waiting) // size * size
        windows = [self._waiting[start : start + size] for start in range(0, full, size)]
        self._waiting = self._waiting[full:]
        return windows

    def flush(self) -> list[Frames]:
        """The last, shorter window, where there is one."""
        rest, self._waiting = self._waiting, self._waiting[:0]
        return [rest] if len(rest) else []


def refuse_window(info: TokenizerInfo, window: int | None) -> None:
    """A window on request needs a tokenizer that sees more than one frame.

    Raises:
        TokenBenchError: it takes images.
    """
    if info.modality == "image" and window is not None:
        raise TokenBenchError(f"{info.name} takes images, every frame of a video alone; --window does not apply to it")


def window_margins(tokenizer: Tokenizer, video: Tensor) -> Margins:
    """What is added to a window 1 x 3 x T x H x W; frames of an image tokenizer are padded one by one."""
    frames = 1 if tokenizer.info.modality == "image" else video.shape[2]
    return margins_of((frames, *video.shape[3:]), tokenizer.info.padding)


def encode_window(tokenizer: Tokenizer, video: Tensor) -> Any:
    """What the tokenizer makes of one window, padded as its card says.

    A tokenizer for images takes the window's frames as a batch.

    Args:
        tokenizer: any that is not a codec's stream.
        video: 1 x 3 x T x H x W in [-1, 1].

    Raises:
        ClipError: the tokenizer fails.
    """
    if tokenizer.info.modality == "image":
        video = video.transpose(0, 2)
    padded = pad(video, tokenizer.info.padding)
    given = padded.squeeze(2) if tokenizer.info.modality == "image" else padded
    return guarded(f"{tokenizer.info.name}.encode", tokenizer.encode, given)


def decode_window(tokenizer: Tokenizer, tokens: Any, size: tuple[int, ...], margins: Margins) -> Tensor:
    """The window that tokens stand for.

    Args:
        tokenizer: as for `encode_window`.
        tokens: what that gave.
        size: T, H, W of the window itself.
        margins: what was added to it (`window_margins`).

    Returns:
        1 x 3 x T x H x W, as the network gives it.

    Raises:
        ClipError: the tokenizer fails, or gives another shape than the padded window's.
    """
    sides = (margins.time, margins.height, margins.width)
    frames, height, width = (inner + sum(added) for inner, added in zip(size, sides, strict=True))
    is_image = tokenizer.info.modality == "image"
    expected = (frames, 3, height, width) if is_image else (1, 3, frames, height, width)
    name = tokenizer.info.name
    decoded = guarded(f"{name}.decode", tokenizer.decode, tokens)
    if not isinstance(decoded, Tensor) or decoded.shape != expected:
        raise ClipError(
            f"{name}.decode gave {describe(decoded)} for an input of {' x '.join(map(str, expected))}; "
            "expected the same shape"
        )
    return crop_margins(decoded.unsqueeze(2).transpose(0, 2) if is_image else decoded, margins)


def bits_of(tokens: Any, info: TokenizerInfo) -> float | None:
    """Bits that tokens take; None where neither they nor the card say."""
    if isinstance(tokens, Tokens):
        return tokens.bits
    each = bits_per_value(tokens, info) if isinstance(tokens, Tensor) else None
    return None if each is None else each * tokens.numel()


def bits_per_value(tokens: Tensor, info: TokenizerInfo) -> float | None:
    """Bits that each value of a bare tensor takes; None where the card does not say."""
    if tokens.is_floating_point():
        return float(BITS_PER_LATENT_VALUE)
    return math.log2(info.vocabulary) if info.vocabulary else None
