"""Helpers that tests import."""

from __future__ import annotations

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
