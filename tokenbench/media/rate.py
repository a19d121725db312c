"""Frame rates as encoders and containers take them."""

from __future__ import annotations

from fractions import Fraction

# Film's and NTSC's rates are multiples of 1/1001.
_LARGEST_DENOMINATOR = 1001
_WITHOUT_RATE = Fraction(25)


def frame_rate(fps: float) -> Fraction:
    """The fraction of small terms nearest to `fps`; 25 for a photograph, whose rate is 0."""
    if fps <= 0:
        return _WITHOUT_RATE
    return max(Fraction(fps).limit_denominator(_LARGEST_DENOMINATOR), Fraction(1, _LARGEST_DENOMINATOR))
