"""Helpers that tests import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokenbench.media.writer import LosslessWriter


def write_video(path: Path, frames: NDArray[np.uint8], fps: float = 25.0) -> Path:
    """Frames as a lossless video file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with LosslessWriter(path, *frames.shape[1:3], fps) as writer:
        writer.write(frames)
    return path


@dataclass
class Outcome:
    """Of a command: exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one line of an error, without progress bars."""
        lines = [line for line in self.err.splitlines() if line.startswith("tokenbench: ")]
        assert len(lines) == 1, self.err
        return lines[0]
