"""What the paper timed (arXiv 2501.03575, Table 9): sizes, frames, and its values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tokenbench.reproduction.plan import Row, load_tables
from tokenbench.tokenizer import TokenizerInfo

_TABLE = 9
_TIME = "time_ms_per_image_or_frame"

PAPER_SIZES = {"image": (1024, 1024), "video": (720, 1280)}
PAPER_DEVICE = "one A100 80 GB, batch 1"
_PAPER_FRAMES = 17


@dataclass(frozen=True)
class PaperTime:
    """A row of the table.

    Args:
        size: height and width.
        frames: of the clip; 1 of an image.
        milliseconds: of encoding and decoding, an image or a frame, as printed.
    """

    size: tuple[int, int]
    frames: int
    milliseconds: str


def default_frames(tokenizer: str, info: TokenizerInfo) -> int:
    """Frames of a clip where none are asked for: the published row's, else those of the card's window."""
    row = paper_times().get(tokenizer)
    return row.frames if row is not None else info.window or _PAPER_FRAMES


@cache
def paper_times() -> dict[str, PaperTime]:
    """The published rows by the name under which a tokenizer is registered.

    Raises:
        TokenBenchError: the paper's numbers are damaged.
    """
    return {row.tokenizer: _time(row) for row in load_tables()[_TABLE].rows}


def _time(row: Row) -> PaperTime:
    height, width = map(int, row.columns["resolution_HxW"].split("x"))
    frames = row.columns["frames"]
    value = next(value for (_, metric), value in row.values.items() if metric == _TIME)
    return PaperTime((height, width), int(frames) if frames.isdecimal() else 1, value.value)
