"""Where to put the names of points so that they do not cover each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

# Boxes by their left, bottom, right and top, one a line.
Edges = NDArray[np.float64]

# The places that any name can take, near ones first, the right-hand side first: their distance from the point, and the
# direction that they lie in.
_ANGLES = 2 * math.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
_AWAY = np.repeat(_RADII, _DIRECTIONS)
_ACROSS, _UP = (np.tile(side, len(_RADII)) for side in (np.cos(_ANGLES), np.sin(_ANGLES)))

# Dots along the lines that lead to far places, from the marker's edge on: of which place, and how far from the point.
_DOT_OF, _DOT_AWAY = np.array(
    [(place, away) for place, end in enumerate(_AWAY) if end > NEAR for away in range(4, int(end), 3)]
).T


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


@dataclass(frozen=True)
class Name:
    """A label to place: the point that it belongs to, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Spot:
    """A place for a name: the box that it fills, and its distance from the point."""

    box: Box
    away: float


@dataclass(frozen=True)
class _Places:
    """What one name would fill.

    Args:
        boxes: by the name itself, one a place.
        dots: by lines from the point to its places, in small boxes.
    """

    boxes: Edges
    dots: Edges


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
    places = [_places(name) for name in names]
    alone = [
        _covered(each.boxes, _edges(markers)) * _ON_MARKER
        + _covered(each.boxes, _edges(lines)) * _ON_LINE
        + _outside(each.boxes, frame) * _OUTSIDE
        + _AWAY * _PER_POINT_AWAY
        for each in places
    ]
    chosen: dict[int, int] = {}
    for i in itertools.chain.from_iterable([order] * _SWEEPS):
        others = [(places[j], spot) for j, spot in chosen.items() if j != i]
        written = _stacked(_grown(each.boxes[[spot]], 1) for each, spot in others)
        leaders = _stacked(each.dots[spot == _DOT_OF] for each, spot in others)
        crossed = np.bincount(_DOT_OF, _covered(places[i].dots, written), minlength=len(_AWAY))
        covered = _covered(places[i].boxes, written) + _covered(places[i].boxes, leaders) + crossed
        chosen[i] = int(np.argmin(alone[i] + covered * _ON_NAME))
    return [Spot(Box(*places[i].boxes[chosen[i]].tolist()), float(_AWAY[chosen[i]])) for i in range(len(names))]


def _covered(boxes: Edges, obstacles: Edges) -> NDArray[np.float64]:
    """How much of the obstacles is under each box, in square points."""
    left, bottom, right, top = boxes.T[:, :, None]
    other_left, other_bottom, other_right, other_top = obstacles.T
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(top, other_top) - np.maximum(bottom, other_bottom)
    area: NDArray[np.float64] = np.clip(width, 0, None) * np.clip(height, 0, None)
    return area.sum(axis=1)


def _outside(boxes: Edges, frame: Box) -> NDArray[np.float64]:
    """How much of each box is outside of the frame, in square points."""
    left, bottom, right, top = boxes.T
    return (right - left) * (top - bottom) - _covered(boxes, _edges([frame]))


def _places(name: Name) -> _Places:
    # A box touches the circle around the point with the side or corner that faces the point.
    left = name.x + _AWAY * _ACROSS - name.width * (1 - _ACROSS) / 2
    bottom = name.y + _AWAY * _UP - name.height * (1 - _UP) / 2
    boxes = np.stack([left, bottom, left + name.width, bottom + name.height], axis=1)
    x, y = name.x + _DOT_AWAY * _ACROSS[_DOT_OF], name.y + _DOT_AWAY * _UP[_DOT_OF]
    return _Places(boxes, _grown(np.stack([x, y, x, y], axis=1), 1))


def _edges(boxes: Iterable[Box]) -> Edges:
    return np.array([box.edges for box in boxes]).reshape(-1, 4)


def _grown(boxes: Edges, margin: float) -> Edges:
    return boxes + margin * np.array([-1, -1, 1, 1])


def _stacked(parts: Iterable[Edges]) -> Edges:
    return np.concatenate([np.empty((0, 4)), *parts])
