from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faults_support import OWN, write_clips
from numpy.typing import NDArray


@pytest.fixture
def clips(tmp_path: Path, carphone: NDArray[np.uint8]) -> Path:
    """A video and a photograph, as small as metrics allow."""
    return write_clips(tmp_path / "clips", carphone)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file with tokenizers of a user's own."""
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path
