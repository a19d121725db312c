"""What the bar says of the clip at hand."""

from __future__ import annotations

import numpy as np

from tokenbench.progress import FrameCounter


def test_frames_are_counted_whatever_the_clip_is_called() -> None:
    said: list[str] = []
    FrameCounter("100% wool %d.mp4", 9, said.append).update(np.zeros((4, 1, 1, 3), np.uint8))
    FrameCounter("stream.mp4", 0, said.append).update(np.zeros((2, 1, 1, 3), np.uint8))
    assert said == ["100% wool %d.mp4 4/9 frames", "stream.mp4 2/? frames"]
