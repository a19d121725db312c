"""FFmpeg's messages do not reach Python, whoever asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av.logging
import numpy as np
import pytest

from tokenbench.media.video import read_frames
from tokenbench.media.writer import LosslessWriter


@pytest.fixture
def asked_for() -> Iterator[None]:
    """A level, as importing torchvision 0.21 sets it."""
    av.logging.set_level(av.logging.ERROR)
    yield
    av.logging.set_level(None)


@pytest.mark.usefixtures("asked_for")
def test_whoever_reads_or_writes_a_video_has_no_messages_in_python(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with LosslessWriter(path, 32, 16, 24.0) as writer:
        writer.write(np.zeros((3, 16, 32, 3), np.uint8))
    assert av.logging.get_level() is None
    av.logging.set_level(av.logging.ERROR)
    assert len(list(read_frames(path))) == 3
    assert av.logging.get_level() is None
