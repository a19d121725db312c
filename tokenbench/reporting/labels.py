"""Where to put the names of points so that they do not cover each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Overlap is counted in square points. Names over names cannot be read, so these weigh most.
_ON_NAME = 10.0
_ON_MARKER = 4.0
_ON_LINE = 1.0
_OUTSIDE = 100.0
_PER_POINT_AWAY = 2.5

_RADII = (6.0, 12.0, 18.0, 25.0, 34.0, 45.0, 60.0, 80.0)
_DIRECTIONS = 16
# A name farther than this from its point, in points of 1/72 inch, needs a line to it.
NEAR = 12.0
_SWEEPS = 3


@dataclass(frozen=True)
class Box:
    """An upright rectangle, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def shared(self, other: Box) -> float:
        """The area that two boxes have in common."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return self.left, self.bottom, self.right, self.top

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.top - self.bottom)

    @property
    def centre(self) -> tuple[float, float]:
        """The point in its middle."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def grown(self, margin: float) -> Box:
        """The box with a margin around it."""
        return Box(self.left - margin, self.bottom - margin, self.right + margin, self.top + margin)


# A box, and what it costs to cover a square point of it.
Weighted = tuple[Box, float]


@dataclass(frozen=True)
class Name:
    """A label to place: the point that it belongs to, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Spot:
    """A place for a name.

    Args:
        box: that the name fills.
        away: its distance from the point.
        leader: small boxes along the way from the point to the name, where a line to it would run.
    """

    box: Box
    away: float
    leader: tuple[Box, ...] = ()


def place(names: Sequence[Name], frame: Box, markers: Sequence[Box], lines: Sequence[Box]) -> list[Spot]:
    """A place for each name.

    Greedy from left to right, then each name is moved again while the others stand: some sweeps settle it.
    The order is fixed, so that the same points give the same picture.

    Args:
        names: what to place.
        frame: that the names should stay in.
        markers: what should not be covered.
        lines: what should rather not be covered.
    """
    order = sorted(range(len(names)), key=lambda i: (names[i].x, -names[i].y, i))
    fixed = [(box, _ON_MARKER) for box in markers] + [(box, _ON_LINE) for box in lines]
    candidates = [_candidates(name) for name in names]
    placed: dict[int, Spot] = {}
    for i in itertools.chain.from_iterable([order] * _SWEEPS):
        others = [spot for j, spot in placed.items() if j != i]
        written = [(spot.box.grown(1), _ON_NAME) for spot in others]
        leaders = [(part, _ON_NAME) for spot in others for part in spot.leader]
        costs = _costs(candidates[i], [*fixed, *written, *leaders], written, frame)
        placed[i] = min(costs, key=lambda pair: pair[0])[1]
    return [placed[i] for i in range(len(names))]


def _costs(
    spots: Sequence[Spot], obstacles: Sequence[Weighted], names: Sequence[Weighted], frame: Box
) -> list[tuple[float, Spot]]:
    """What each place costs: the obstacles under its box, the names under its leader, what hangs out, the way."""
    covered = _covered([spot.box for spot in spots], obstacles)
    crossed = iter(_covered([part for spot in spots for part in spot.leader], names))
    return [
        (
            under
            + sum(next(crossed) for _ in spot.leader)
            + _OUTSIDE * (spot.box.area - spot.box.shared(frame))
            + _PER_POINT_AWAY * spot.away,
            spot,
        )
        for spot, under in zip(spots, covered, strict=True)
    ]


def _covered(boxes: Sequence[Box], obstacles: Sequence[Weighted]) -> list[float]:
    """Weighted area of the obstacles under each box."""
    if not boxes or not obstacles:
        return [0.0] * len(boxes)
    left, bottom, right, top = np.array([box.edges for box in boxes]).T[:, :, None]
    other_left, other_bottom, other_right, other_top = np.array([box.edges for box, _ in obstacles]).T
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(top, other_top) - np.maximum(bottom, other_bottom)
    area = np.clip(width, 0, None) * np.clip(height, 0, None)
    return [float(cost) for cost in area @ np.array([weight for _, weight in obstacles])]


def _candidates(name: Name) -> list[Spot]:
    """Places around the point, near ones first, the right-hand side first."""
    spots = []
    for radius in _RADII:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            across, up = math.cos(angle), math.sin(angle)
            # The box touches the circle with the side or corner that faces the point.
            left = name.x + radius * across - name.width * (1 - across) / 2
            bottom = name.y + radius * up - name.height * (1 - up) / 2
            box = Box(left, bottom, left + name.width, bottom + name.height)
            spots.append(Spot(box, radius, _leader(name, across, up, radius) if radius > NEAR else ()))
    return spots


def _leader(name: Name, across: float, up: float, length: float) -> tuple[Box, ...]:
    """Boxes of 2 points along a straight line from the marker's edge on."""
    steps = range(4, int(length), 3)
    return tuple(_dot(name.x + step * across, name.y + step * up) for step in steps)


def _dot(x: float, y: float) -> Box:
    return Box(x, y, x, y).grown(1)
