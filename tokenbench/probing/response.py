"""The linear part of what a tokenizer does to pictures, as an impulse response."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# In pixels, a Gaussian that the response is softened by: pictures have little in the highest frequencies.
_SOFTENING = 1.0
# Of the mean energy: a frequency that the pictures do not have at all must not divide by zero.
_REGULARISATION = 1e-9
_HALF = 0.5


def impulse_response(shown: NDArray, seen: NDArray) -> NDArray[np.float64]:
    """The kernel whose circular convolution with what was shown is nearest to what was seen, a little softened.

    Least squares over all pictures and channels: the sum of Y conj(X) over the sum of |X|^2 at each frequency, times
    the spectrum of a Gaussian of one pixel.

    Args:
        shown: N x H x W x 3.
        seen: N x H x W x 3.

    Returns:
        H x W; the value at (dy, dx), modulo H and W, is the share of a pixel that comes back dy below and dx to the
        right of it.
    """
    cross, energy = 0.0, 0.0
    for x, y in zip(shown, seen, strict=True):
        spectrum = np.fft.fft2(_centred(x), axes=(0, 1))
        cross = cross + (np.fft.fft2(_centred(y), axes=(0, 1)) * spectrum.conj()).sum(axis=2)
        energy = energy + np.square(np.abs(spectrum)).sum(axis=2)
    down, across = (np.fft.fftfreq(side) for side in shown.shape[1:3])
    softening = np.exp(-2 * (np.pi * _SOFTENING) ** 2 * (down[:, None] ** 2 + across**2))
    return np.fft.ifft2(softening * cross / (energy + _REGULARISATION * np.mean(energy))).real


def mass_near(response: NDArray[np.float64], down: int, right: int, radius: int) -> float:
    """Sum of the response over a square around (down, right): so much of the picture comes back displaced by that."""
    return float(_around(response, down, right, radius).sum())


def displacement(response: NDArray[np.float64], radius: int) -> tuple[float, float] | None:
    """Centre of gravity (down, right) of the response around its origin; None where less than half of it lies there."""
    part = _around(response, 0, 0, radius)
    total = part.sum()
    if total < _HALF:
        return None
    offsets = np.arange(-radius, radius + 1)
    return float(part.sum(axis=1) @ offsets / total), float(part.sum(axis=0) @ offsets / total)


def _around(response: NDArray[np.float64], down: int, right: int, radius: int) -> NDArray[np.float64]:
    height, width = response.shape
    offsets = np.arange(-radius, radius + 1)
    return response[np.ix_((down + offsets) % height, (right + offsets) % width)]


def _centred(picture: NDArray) -> NDArray[np.float64]:
    return picture - picture.mean(axis=(0, 1), dtype=np.float64)
