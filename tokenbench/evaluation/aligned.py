"""Two files side by side: their chunks, frame for frame, or the one that ends too soon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tokenbench.errors import ClipError


def aligned(
    left: Iterator[NDArray[Any]], right: Iterator[NDArray[Any]], reference: Path, reconstruction: Path
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Chunks of both files, which must be cut alike and end together.

    Args:
        left: T x H x W x 3, of the reference.
        right: the same of the reconstruction.
        reference: where `left` comes from, for the message.
        reconstruction: where `right` comes from.

    Raises:
        ClipError: one has fewer frames.
    """
    count = 0
    while True:
        one, other = next(left, None), next(right, None)
        lengths = [0 if chunk is None else len(chunk) for chunk in (one, other)]
        if lengths[0] != lengths[1]:
            shorter = (reference, reconstruction)[lengths[0] > lengths[1]]
            raise ClipError(f"{shorter} ends after {count + min(lengths)} frames, before its pair; re-encode it whole")
        if one is None or other is None:
            return
        count += len(one)
        yield one, other
