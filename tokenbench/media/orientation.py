"""Rotation and mirroring that a container asks a player to apply."""

from __future__ import annotations

from typing import cast

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tokenbench.errors import ClipError

Matrix = tuple[int, int, int, int]

IDENTITY: Matrix = (1, 0, 0, 1)

# The filters that show a picture as its display matrix asks, as the ffmpeg command inserts them. A flip only says that
# rows go upwards; the copy puts them in order.
TURNS: dict[Matrix, tuple[tuple[str, str], ...]] = {
    IDENTITY: (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""), ("copy", "")),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", ""), ("copy", "")),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}

# Clockwise degrees of a picture that is not mirrored.
_DEGREES: dict[Matrix, int] = {IDENTITY: 0, (0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270}

# Less than this off a quarter turn is none (ffmpeg's rule, fftools/ffmpeg_filter.c).
_ONE_DEGREE = np.sin(np.radians(1))


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """Signs `(a, b, c, d)` of the frame's display matrix; None where it asks for nothing, or is all zero.

    A pixel at (x, y) is shown at (a x + c y, b x + d y) (ISO/IEC 14496-12, 6.2.2).

    Raises:
        ClipError: the matrix is not a multiple of a quarter turn.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    values = np.frombuffer(cast(memoryview, data), np.int32)
    turn = values[[0, 1, 3, 4]].astype(np.float64)
    turn[abs(turn) <= abs(turn).max() * _ONE_DEGREE] = 0
    if not turn.any():
        return None
    a, b, c, d = (int(sign) for sign in np.sign(turn))
    if (a == d == 0) == (b == c == 0):
        raise ClipError(f"its display matrix {values.tolist()} is no quarter turn; re-encode the file upright")
    return None if (a, b, c, d) == IDENTITY else (a, b, c, d)


def turn_of(matrix: Matrix | None) -> tuple[int, bool]:
    """Clockwise degrees that a player turns the picture by, and whether it first swaps left and right."""
    a, b, c, d = matrix or IDENTITY
    mirrored = a * d - b * c < 0
    return _DEGREES[(-a, -b, c, d) if mirrored else (a, b, c, d)], mirrored


def swaps_sides(matrix: Matrix | None) -> bool:
    """Whether height and width change places."""
    return matrix is not None and matrix[0] == 0


def orient(image: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """The image as it is to be shown.

    Args:
        image: uint8 H x W x 3.
        matrix: of `display_matrix`.

    Returns:
        uint8 H x W x 3, or W x H x 3 for a quarter turn; contiguous.
    """
    a, b, c, d = matrix
    if swaps_sides(matrix):
        image = image.transpose(1, 0, 2)
        flip_columns, flip_rows = c < 0, b < 0
    else:
        flip_columns, flip_rows = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])
