"""The real pixels that tokenizers are tried on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

# A street with motion everywhere; an orange cat: red has more variance and more detail than blue in it, so that what is
# lost of blue, as most tokenizers lose it, never makes a wrong order of colours look like the right one.
_VIDEO, _PHOTOGRAPH = "bikes", "chelsea"
_FRAMES = 128

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Material:
    """Pixels to try tokenizers on.

    Args:
        video: uint8 T x H x W x 3.
        photograph: uint8 1 x H x W x 3.
    """

    video: Frames
    photograph: Frames


def read_material(clips: Iterable[Clip]) -> Material:
    """The clip and the photograph of the embedded data set.

    Raises:
        TokenBenchError: they are not among the clips.
        ClipError: they cannot be read.
    """
    found = {clip.id: clip for clip in clips}
    if missing := [name for name in (_VIDEO, _PHOTOGRAPH) if name not in found]:
        raise TokenBenchError(f"the clip {missing[0]!r} is missing; take the clips of the data set 'mini'")
    video = np.concatenate(list(found[_VIDEO].chunks(_FRAMES, frames=_FRAMES)))
    return Material(video, next(found[_PHOTOGRAPH].chunks(1)))


def middle(frames: Frames, height: int, width: int) -> Frames:
    """The middle of T x H x W x 3, in that size; mirrored at its edges where it is smaller."""
    missing = [max(0, wanted - there) for wanted, there in zip((height, width), frames.shape[1:3], strict=True)]
    sides = [(added // 2, added - added // 2) for added in missing]
    frames = np.pad(frames, ((0, 0), *sides, (0, 0)), mode="symmetric")
    top, left = ((there - wanted) // 2 for wanted, there in zip((height, width), frames.shape[1:3], strict=True))
    return np.ascontiguousarray(frames[:, top : top + height, left : left + width])
