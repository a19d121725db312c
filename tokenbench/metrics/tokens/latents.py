"""What a clip's continuous tokens are like once they are stored in float16, and what they take in real bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics.tokens.coder import Encoder
from tokenbench.metrics.tokens.counts import PATTERN_BITS, TokenCounts
from tokenbench.metrics.tokens.histogram import Histogram

# Of a neighbour count its sign, its exponent and two bits of its mantissa; the others are noise to most values.
IGNORED_BITS = 8


class ClipLatents:
    """The latents of one clip, rounded to float16 and added up chunk by chunk; how it was cut changes nothing.

    Every value is counted in a histogram of its channel, from which all statistics follow exactly.

    Args:
        channels: values of a token.
        coded: also write them with the adaptive coder, which takes most of the time.

    Raises:
        TokenBenchError: there is none.
    """

    def __init__(self, channels: int, coded: bool = True) -> None:
        if channels < 1:
            raise TokenBenchError(f"a token has at least one channel, got {channels}: correct the card")
        self.channels = channels
        self._histogram = Histogram.empty()
        self._encoder = Encoder(PATTERN_BITS, IGNORED_BITS) if coded else None
        self._bytes = 0
        self._size: tuple[int, ...] | None = None

    def update(self, latents: Any) -> None:
        """Add the next latents in time.

        Args:
            latents: C x t x h x w, any real type; an array, or a tensor on any device. Those of an image are
                C x 1 x h x w; h and w are the same for all chunks of a clip.

        Raises:
            ClipError: a value is NaN or infinite, or h or w has changed.
            NotApplicable: a value is larger than float16 can hold (65,504).
            TokenBenchError: not real numbers, or not C x t x h x w.
        """
        array = np.asarray(latents.detach().float().cpu() if hasattr(latents, "cpu") else latents)
        if array.dtype.kind != "f" or array.ndim != 4 or len(array) != self.channels:
            raise TokenBenchError(
                f"latents must be real numbers {self.channels} x t x h x w, got {array.dtype} {array.shape}"
            )
        if array.size == 0:
            return
        if not np.isfinite(array).all():
            raise ClipError("latents hold NaN or infinite values: check the tokenizer and its dtype")
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(array, np.float16)
        if not np.isfinite(stored).all():
            raise NotApplicable(f"latents reach {np.abs(array).max():.6g}, more than float16 can hold: not counted")
        if self._size not in (None, array.shape[2:]):
            raise ClipError(f"latents of a clip must have one size: got {array.shape[2:]} after {self._size} (h, w)")
        self._size = array.shape[2:]
        patterns = stored.view(np.uint16).astype(np.int64)
        channel = np.arange(self.channels).reshape(-1, 1, 1, 1)
        self._histogram += Histogram.of(channel << PATTERN_BITS | patterns)
        if self._encoder is not None:
            self._bytes += sum(len(self._encoder.push(frame)) for frame in patterns.swapaxes(0, 1))

    def counts(self) -> TokenCounts:
        """What has been seen.

        Raises:
            ClipError: there were no latents.
        """
        if self._size is None:
            raise ClipError("no latents to count: the clip is empty")
        adaptive_bits = None if self._encoder is None else 8 * (self._bytes + len(self._encoder.finish()))
        return TokenCounts("continuous", self.channels, self._histogram, adaptive_bits)
