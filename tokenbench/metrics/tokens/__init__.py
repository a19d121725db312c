"""What tokens do: how a vocabulary or the channels of latents are used, and what they take in real bytes.

    codes = ClipCodes(vocabulary=64_000)            # or ClipLatents(channels=16)
    for chunk in clip:
        codes.update(chunk)                         # t x h x w
    summary = TokenSummary()
    summary.add(codes.counts(), pixels=17 * 720 * 1280)
    summary.as_dict()["bits_per_pixel"]             # nominal, order0, adaptive

The adaptive rate is the length of bytes that were really written; `encode` and `decode` are the coder. Importing this
package costs neither torch nor numba.
"""

from __future__ import annotations

from tokenbench.metrics.tokens.coder import decode, encode
from tokenbench.metrics.tokens.codes import ClipCodes
from tokenbench.metrics.tokens.counts import TokenCounts
from tokenbench.metrics.tokens.histogram import Histogram
from tokenbench.metrics.tokens.latents import ClipLatents
from tokenbench.metrics.tokens.summary import TokenSummary

__all__ = ["ClipCodes", "ClipLatents", "Histogram", "TokenCounts", "TokenSummary", "decode", "encode"]
