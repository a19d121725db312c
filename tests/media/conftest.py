"""The oracle of decoding: ffmpeg itself, in every version that is at hand."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

# The first is the newer one, and the one that knows all options of the tests.
FFMPEGS = [path for path in (imageio_ffmpeg.get_ffmpeg_exe(), shutil.which("ffmpeg")) if path]


class Ffmpeg:
    """Makes files, and decodes them as `ffmpeg -pix_fmt rgb24` does."""

    def make(self, *arguments: object) -> None:
        subprocess.run([FFMPEGS[0], "-v", "error", "-y", *map(str, arguments)], check=True, capture_output=True)

    def rgb24(self, path: Path, height: int, width: int) -> NDArray[np.uint8]:
        """Frames T x H x W x 3, on which all versions agree."""
        return self.rgb24_of([path], height, width)[0]

    def rgb24_of(self, paths: Sequence[Path], height: int, width: int) -> list[NDArray[np.uint8]]:
        """The same of several files of one size, by one process of each version."""
        decoded = [self._decode(ffmpeg, paths) for ffmpeg in FFMPEGS]
        assert all(other == decoded[0] for other in decoded), "the ffmpeg versions disagree"
        return [np.frombuffer(frames, np.uint8).reshape(-1, height, width, 3) for frames in decoded[0]]

    def _decode(self, ffmpeg: str, paths: Sequence[Path]) -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, str(number)) for number in range(len(paths))]
            arguments = [argument for path in paths for argument in ("-i", f"file:{path}")]
            for number, file in enumerate(files):
                arguments += ["-map", f"{number}:v:0", "-f", "rawvideo", "-pix_fmt", "rgb24"]
                arguments += ["-fps_mode", "passthrough", str(file)]
            subprocess.run([ffmpeg, "-v", "error", *arguments], check=True, capture_output=True)
            return [file.read_bytes() for file in files]


@pytest.fixture(scope="session")
def ffmpeg() -> Ffmpeg:
    return Ffmpeg()
