"""Structure in what should be flat: patterns that repeat, and straight seams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A pattern has the shortest period that explains so much of what the longest ones do.
_EXPLAINED = 0.9
# A seam is a step so many times larger than the other steps of its picture, and of so many levels.
_SEAM_CONTRAST = 3.0
_SEAM_LEVELS = 0.5


@dataclass(frozen=True)
class Grid:
    """The periodic part of a residual.

    Args:
        period: in pixels along both axes; 0 where there is no part that repeats.
        rms: in the residual's unit.
        energies: mean square by period, all that were looked at.
    """

    period: int
    rms: float
    energies: dict[int, float]


@dataclass(frozen=True)
class Seams:
    """Lines across a residual at which it jumps.

    Args:
        step: median over the strongest line of the absolute jump, in levels; 0 where there is none.
        columns: x of the pixels just behind a jump.
        rows: y of the pixels just behind a jump.
    """

    step: float
    columns: tuple[int, ...]
    rows: tuple[int, ...]


def find_grid(residual: NDArray[np.floating], periods: Iterable[int]) -> Grid:
    """The period that repeats in a residual H x W x C, over cells of period x period pixels.

    Pixels at one place of their cells are averaged over all cells. The variance of these means over the places, less
    what independent noise would leave of itself, is the energy of the period, and contains that of its divisors.

    Args:
        residual: in any unit.
        periods: in pixels; the residual must hold at least two cells of each.
    """
    energies = {}
    for period in periods:
        cells = _cells(residual, period)
        pattern = cells.mean(axis=(0, 2), keepdims=True)
        count = cells.shape[0] * cells.shape[2]
        left = np.square(cells - pattern).mean()
        between = np.square(pattern - pattern.mean(axis=(1, 3), keepdims=True)).mean()
        energies[period] = max(0.0, float(between - left / (count - 1)))
    most = max(energies.values(), default=0.0)
    if most == 0:
        return Grid(0, 0.0, energies)
    period = min(period for period, energy in energies.items() if energy >= _EXPLAINED * most)
    return Grid(period, energies[period] ** 0.5, energies)


def find_seams(residual: NDArray[np.floating], *, offset: int = 0) -> Seams:
    """Columns and rows of a residual H x W x C over at least half of which it jumps.

    Args:
        residual: in levels.
        offset: of its first row and column, in pixels.
    """
    steps, places = [], []
    for axis, other in ((1, 0), (0, 1)):
        jumps = np.median(np.abs(np.diff(residual, axis=axis)).mean(axis=2), axis=other)
        found = np.flatnonzero((jumps >= _SEAM_LEVELS) & (jumps >= _SEAM_CONTRAST * np.median(jumps)))
        steps.append(jumps[found].max(initial=0.0))
        places.append(tuple((found + 1 + offset).tolist()))
    return Seams(float(max(steps)), *places)


def without_grid(residual: NDArray[np.floating], period: int) -> NDArray[np.floating]:
    """A residual H x W x C less the part that repeats with that period."""
    pattern = _cells(residual, period).mean(axis=(0, 2))
    height, width = residual.shape[:2]
    rows, columns = np.arange(height) % period, np.arange(width) % period
    return residual - (pattern - pattern.mean(axis=(0, 1)))[rows[:, None], columns]


def _cells(residual: NDArray[np.floating], period: int) -> NDArray[np.floating]:
    """The whole cells: rows x period x columns x period x C."""
    rows, columns = (side // period for side in residual.shape[:2])
    whole = residual[: rows * period, : columns * period]
    return whole.reshape(rows, period, columns, period, residual.shape[2])
