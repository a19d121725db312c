"""Helpers that tests import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.files import sha256_of_file
from tokenbench.media.writer import LosslessWriter
from tokenbench.sealed import seal, unseal


def write_video(path: Path, frames: NDArray[np.uint8], fps: float = 25.0) -> Path:
    """Frames as a lossless video file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with LosslessWriter(path, *frames.shape[1:3], fps) as writer:
        writer.write(frames)
    return path


def forge(run: Path, change: Callable[[dict[str, Any]], Any] = lambda result: None) -> None:
    """Change a run's result, and make it fit its tables and its checksum again, as one would who means harm."""
    file = run / "result.json"
    result = unseal(file.read_text())
    change(result)
    result["tables"] = {name: sha256_of_file(run / name) for name in result["tables"] if (run / name).is_file()}
    file.write_text(seal(result))


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
