"""Contact sheets: frames that are spread evenly over a clip, side by side in one small picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import Lock

import numpy as np
from PIL import Image

from tokenbench.media.clip import Clip, chunk_frames

COLUMNS = 4
ROWS = 3
_WIDTH = 1280
_GAP = 4
_GREY = (96, 96, 96)
_JPEG_QUALITY = 85
# Sheets of 100 to 300 KB each.
_KEPT = 256


class Sheets:
    """Makes sheets one at a time, whoever asks, and keeps the last ones in memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jpeg = lru_cache(maxsize=_KEPT)(sheet_jpeg)

    def jpeg(self, clip: Clip, wanted: Callable[[], bool]) -> bytes | None:
        """The sheet of a clip, as `sheet_jpeg` makes it; None where it is no longer wanted when its turn comes."""
        with self._lock:
            return self._jpeg(clip) if wanted() else None


def sheet_jpeg(clip: Clip) -> bytes:
    """A clip's sheet as JPEG, about 1280 pixels wide; of a photograph, the photograph. Nothing is enlarged.

    Args:
        clip: its size and number of frames known.

    Raises:
        ClipError: its file cannot be read, or is another than its digest tells of.
    """
    clip.probed()
    numbers = sheet_frames(clip.frames)
    columns = min(COLUMNS, len(numbers))
    cells = [*_cells(clip, set(numbers), _WIDTH // columns - _GAP)]
    width, height = cells[0].size
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), _GREY)
    for place, cell in enumerate(cells):
        row, column = divmod(place, columns)
        sheet.paste(cell, (column * (width + _GAP), row * (height + _GAP)))
    data = io.BytesIO()
    sheet.save(data, format="JPEG", quality=_JPEG_QUALITY)
    return data.getvalue()


def sheet_frames(frames: int) -> list[int]:
    """The numbers of the frames on the sheet of a clip of so many: the first, the last, and others evenly between."""
    count = min(frames, COLUMNS * ROWS)
    return [int(number) for number in np.linspace(0, frames - 1, count).round()]


def _cells(clip: Clip, numbers: set[int], side: int) -> Iterator[Image.Image]:
    """Those frames, reduced so that no side is longer than `side`."""
    number = 0
    for chunk in clip.chunks(chunk_frames(clip.height, clip.width), frames=max(numbers) + 1):
        for frame in chunk:
            if number in numbers:
                cell = Image.fromarray(frame)
                cell.thumbnail((side, side))
                yield cell
            number += 1
