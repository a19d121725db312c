"""Which codes a clip's discrete tokens are, and what they take in real bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics.tokens.coder import Encoder
from tokenbench.metrics.tokens.counts import TokenCounts
from tokenbench.metrics.tokens.histogram import Histogram

_LARGEST = 1 << 48


class ClipCodes:
    """The codes of one clip, added up chunk by chunk; how it was cut changes nothing.

    Args:
        vocabulary: number of codes there are.
        coded: also write them with the adaptive coder, which takes most of the time.

    Raises:
        TokenBenchError: it is not in [1, 2**48].
    """

    def __init__(self, vocabulary: int, coded: bool = True) -> None:
        if not 1 <= vocabulary <= _LARGEST:
            raise TokenBenchError(f"a vocabulary has between 1 and 2**48 codes, got {vocabulary}: correct the card")
        self.vocabulary = vocabulary
        self._histogram = Histogram.empty()
        self._encoder = Encoder((vocabulary - 1).bit_length()) if coded else None
        self._bytes = 0
        self._size: tuple[int, ...] | None = None

    def update(self, codes: Any) -> None:
        """Add the next codes in time.

        Args:
            codes: t x h x w, whole numbers in [0, vocabulary); an array, or a tensor on any device. An image is
                1 x h x w; h and w are the same for all chunks of a clip.

        Raises:
            ClipError: a code is outside the vocabulary, or h or w has changed.
            TokenBenchError: not whole numbers, or not t x h x w.
        """
        array = np.asarray(codes.cpu() if hasattr(codes, "cpu") else codes)
        if array.dtype.kind not in "iu" or array.ndim != 3:
            raise TokenBenchError(f"codes must be whole numbers t x h x w, got {array.dtype} {array.shape}")
        if array.size == 0:
            return
        if int(array.min()) < 0 or int(array.max()) >= self.vocabulary:
            raise ClipError(
                f"codes from {array.min()} to {array.max()} are not in a vocabulary of {self.vocabulary}: "
                "check the tokenizer"
            )
        if self._size not in (None, array.shape[1:]):
            raise ClipError(f"codes of a clip must have one size: got {array.shape[1:]} after {self._size} (h, w)")
        self._size = array.shape[1:]
        numbers = array.astype(np.int64)
        self._histogram += Histogram.of(numbers)
        if self._encoder is not None:
            self._bytes += sum(len(self._encoder.push(frame[None])) for frame in numbers)

    def counts(self) -> TokenCounts:
        """What has been seen.

        Raises:
            ClipError: there were no codes.
        """
        if self._size is None:
            raise ClipError("no codes to count: the clip is empty")
        adaptive_bits = None if self._encoder is None else 8 * (self._bytes + len(self._encoder.finish()))
        return TokenCounts("discrete", self.vocabulary, self._histogram, adaptive_bits)
