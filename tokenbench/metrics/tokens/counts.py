"""What is kept of one clip's tokens: which there were, and what they take in real bytes."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.metrics.tokens.histogram import Histogram

Kind = Literal["discrete", "continuous"]

# Values of continuous tokens are counted as they are stored in float16, by channel: channel << 16 | pattern.
PATTERN_BITS = 16

_KINDS: tuple[Kind, Kind] = ("discrete", "continuous")
_MAGIC = b"tbtc"
_VERSION = 1
_HEADER = struct.Struct("<4sBBQqQ")
_NOT_CODED = -1


@dataclass(frozen=True, eq=False)
class TokenCounts:
    """The tokens of one clip.

    Args:
        kind: codes, or values of latents.
        size: the vocabulary of codes, or the channels of latents.
        histogram: of the codes, or of `channel << 16 | float16 pattern` of the values.
        adaptive_bits: eight times the bytes that the adaptive coder wrote; None where it was not asked to.
    """

    kind: Kind
    size: int
    histogram: Histogram
    adaptive_bits: int | None

    def to_bytes(self) -> bytes:
        """Everything, for `from_bytes`; can lie among others in one file if their lengths are kept."""
        values, counts = self.histogram.values, self.histogram.counts
        adaptive_bits = _NOT_CODED if self.adaptive_bits is None else self.adaptive_bits
        header = _HEADER.pack(_MAGIC, _VERSION, _KINDS.index(self.kind), self.size, adaptive_bits, values.size)
        return header + zlib.compress(_planes(np.diff(values, prepend=0)) + _planes(counts))

    @classmethod
    def from_bytes(cls, data: bytes) -> TokenCounts:
        """What `to_bytes` wrote.

        Raises:
            TokenBenchError: it did not write this.
        """
        try:
            magic, version, kind, size, adaptive_bits, entries = _HEADER.unpack_from(data)
            body = zlib.decompress(data[_HEADER.size :])
        except (struct.error, zlib.error) as error:
            raise TokenBenchError(f"token counts are damaged: {error}; measure the clip again") from error
        if magic != _MAGIC or version != _VERSION or kind >= len(_KINDS) or len(body) != 16 * entries:
            raise TokenBenchError("token counts are damaged or of another version: measure the clip again")
        steps, counts = (_unplanes(half) for half in (body[: 8 * entries], body[8 * entries :]))
        values = np.cumsum(steps)
        limit = size if _KINDS[kind] == "discrete" else size << PATTERN_BITS
        if entries and (steps[0] < 0 or steps[1:].min(initial=1) < 1 or counts.min() < 1 or values[-1] >= limit):
            raise TokenBenchError("token counts are damaged: impossible numbers; measure the clip again")
        coded = None if adaptive_bits == _NOT_CODED else adaptive_bits
        return cls(_KINDS[kind], size, Histogram(values, counts), coded)


def _planes(numbers: NDArray[np.int64]) -> bytes:
    """The lowest bytes of all numbers, then the next: most are small, and rows of zeros pack well."""
    return numbers.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()


def _unplanes(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(data, np.uint8).reshape(8, -1).T.copy().view("<i8").ravel().astype(np.int64)
