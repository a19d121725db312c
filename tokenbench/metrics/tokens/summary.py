"""The tokens of a data set: how they are used, and their real rate beside the nominal one."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.metrics.tokens.coder import CODER_VERSION
from tokenbench.metrics.tokens.counts import PATTERN_BITS, TokenCounts
from tokenbench.metrics.tokens.histogram import Histogram, entropy_bits

# Of the largest variance of a channel.
ACTIVE_SHARE = 0.01

_RATES = (
    "bits of all tokens, those of padding included, over all pixels of the set. {nominal}; order0: {order0}, over the "
    "whole set and without the table that a decoder would need, so too low where tokens are few; adaptive: bytes "
    f"written by an arithmetic coder with a small context model (version {CODER_VERSION}: neighbours left, above and "
    "one step before{other}), which starts empty with every clip, so that each can be decoded alone; null where it was "
    "not asked to"
)
_DISCRETE = (
    "used: different codes seen; usage: used / vocabulary; perplexity: 2^entropy of the frequencies of the codes. "
    "bits_per_pixel: "
    + _RATES.format(nominal="nominal: log2(vocabulary) a code", order0="the entropy of the codes", other="")
)
_CONTINUOUS = (
    "of the values as stored in float16; std with n, kurtosis is excess (0 for a Gaussian), null for a constant "
    f"channel; active: channels whose variance is above {ACTIVE_SHARE:.0%} of the largest one's (after the active "
    "units of Burda et al. 2015, whose bound of 0.01 is for units of variance 1). bits_per_pixel: "
    + _RATES.format(
        nominal="float16: 16 a value, as in bfloat16",
        order0="the entropy of each channel's float16 values",
        other=", and the channel before",
    )
)


class TokenSummary:
    """Tokens of any number of clips, added in any order, which changes nothing.

    All clips are of one tokenizer. What it holds grows with the number of different tokens, not with their number.
    """

    def __init__(self) -> None:
        self._first: TokenCounts | None = None
        self._histogram = Histogram.empty()
        self._adaptive_bits: int | None = 0
        self._pixels = 0

    def add(self, clip: TokenCounts, pixels: int) -> None:
        """Add a clip.

        Args:
            clip: its tokens.
            pixels: of all its frames together, without padding.

        Raises:
            TokenBenchError: its tokens are of another kind, vocabulary or number of channels; or it has no pixels.
        """
        first = self._first or clip
        if (clip.kind, clip.size) != (first.kind, first.size):
            raise TokenBenchError(
                f"cannot add {clip.kind} tokens of size {clip.size} to {first.kind} ones of size {first.size}: "
                "add clips of one tokenizer only"
            )
        if pixels < 1:
            raise TokenBenchError(f"a clip has at least one pixel, got {pixels}")
        self._first = first
        self._histogram += clip.histogram
        if self._adaptive_bits is None or clip.adaptive_bits is None:
            self._adaptive_bits = None
        else:
            self._adaptive_bits += clip.adaptive_bits
        self._pixels += pixels

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; its `definition` says in words what each figure is.

        Raises:
            TokenBenchError: no clip was added.
        """
        if self._first is None:
            raise TokenBenchError("no tokens to sum up: add a clip")
        describe = _discrete if self._first.kind == "discrete" else _continuous
        figures, rates, definition = describe(self._first.size, self._histogram)
        bits: dict[str, float | None] = {**rates, "adaptive": self._adaptive_bits}
        return {
            "kind": self._first.kind,
            **figures,
            "bits_per_pixel": {name: None if value is None else value / self._pixels for name, value in bits.items()},
            "definition": definition,
        }


def _discrete(vocabulary: int, histogram: Histogram) -> tuple[dict[str, Any], dict[str, float], str]:
    """Figures, bits by way of counting, and the definition."""
    used, entropy = len(histogram.values), entropy_bits(histogram.counts)
    figures = {
        "vocabulary": vocabulary,
        "positions": histogram.total,
        "used": used,
        "usage": used / vocabulary,
        "entropy_bits": entropy,
        "perplexity": 2**entropy,
    }
    rates = {"nominal": histogram.total * math.log2(vocabulary), "order0": histogram.total * entropy}
    return figures, rates, _DISCRETE


def _continuous(channels: int, histogram: Histogram) -> tuple[dict[str, Any], dict[str, float], str]:
    borders = np.searchsorted(histogram.values, np.arange(channels + 1) << PATTERN_BITS)
    parts = [slice(*ends) for ends in pairwise(borders)]
    moments = [_moments(histogram.values[part], histogram.counts[part]) for part in parts]
    largest = max(channel["std"] for channel in moments)
    figures = {
        "channels": moments,
        "active": sum(channel["std"] ** 2 > ACTIVE_SHARE * largest**2 for channel in moments),
        "values": histogram.total,
    }
    order0 = math.fsum(int(histogram.counts[part].sum()) * entropy_bits(histogram.counts[part]) for part in parts)
    return figures, {"float16": PATTERN_BITS * histogram.total, "order0": order0}, _CONTINUOUS


def _moments(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[str, Any]:
    """Mean, standard deviation and excess kurtosis of one channel's float16 values."""
    values = (keys & ((1 << PATTERN_BITS) - 1)).astype(np.uint16).view(np.float16).astype(np.float64)
    shares = counts / counts.sum()
    mean = float(shares @ values)
    squares = (values - mean) ** 2
    variance = float(shares @ squares)
    constant = bool((values == values[0]).all())
    kurtosis = None if constant else float(shares @ squares**2) / variance**2 - 3
    return {"mean": mean, "std": 0.0 if constant else math.sqrt(variance), "kurtosis": kurtosis}
