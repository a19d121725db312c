"""The oracle of decoding: ffmpeg itself, in every version that is at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

FFMPEGS = [path for path in (imageio_ffmpeg.get_ffmpeg_exe(), shutil.which("ffmpeg")) if path]


class Ffmpeg:
    """Makes files, and decodes them as `ffmpeg -pix_fmt rgb24` does."""

    def make(self, *arguments: object) -> None:
        subprocess.run([FFMPEGS[0], "-v", "error", "-y", *map(str, arguments)], check=True, capture_output=True)

    def rgb24(self, path: Path, height: int, width: int) -> NDArray[np.uint8]:
        """Frames T x H x W x 3, on which all versions agree."""
        decoded = [self._decode(ffmpeg, path) for ffmpeg in FFMPEGS]
        assert all(other == decoded[0] for other in decoded), "the ffmpeg versions disagree"
        return np.frombuffer(decoded[0], np.uint8).reshape(-1, height, width, 3)

    def _decode(self, ffmpeg: str, path: Path) -> bytes:
        output = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"]
        return subprocess.run([ffmpeg, "-v", "error", "-i", str(path), *output], check=True, capture_output=True).stdout


@pytest.fixture(scope="session")
def ffmpeg() -> Ffmpeg:
    return Ffmpeg()
