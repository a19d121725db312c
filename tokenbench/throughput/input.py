"""Real pixels in the size that is asked for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.datasets.catalog import open_dataset
from tokenbench.evaluation.padding import pad
from tokenbench.media.lanczos import lanczos_resized
from tokenbench.media.pixels import to_float
from tokenbench.tokenizer import TokenizerInfo

# Codecs take longer for more detail. The video is 720 x 1280, the size of the paper's.
_CLIPS = {"video": "bigbuckbunny", "image": "astronaut"}


def make_input(
    info: TokenizerInfo,
    *,
    frames: int,
    size: tuple[int, int],
    batch: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """A batch as the runner would give it to a tokenizer, padded by the card's rule.

    Args:
        info: its card.
        frames: of a clip; a clip that ends sooner goes back and forth.
        size: height and width, to which real frames are resized.
        batch: how often the same stands in the batch.
        device: where it lies.
        dtype: of the pixels.

    Returns:
        B x 3 x T x H x W in [-1, 1]; for a tokenizer of images B x 3 x H x W.
    """
    video = pad(to_float(_pixels(_CLIPS[info.modality], frames, size), device, dtype), info.padding)
    video = video.repeat(batch, 1, 1, 1, 1)
    return (video.squeeze(2) if info.modality == "image" else video).contiguous()


def _pixels(name: str, frames: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Uint8 T x H x W x 3."""
    clip = next(clip for clip in open_dataset("mini").clips if clip.id == name)
    there = np.concatenate(list(clip.chunks(frames, frames=frames)))
    resized = np.stack([lanczos_resized(frame, *size) for frame in there])
    return np.pad(resized, ((0, frames - len(resized)), (0, 0), (0, 0), (0, 0)), mode="symmetric")
