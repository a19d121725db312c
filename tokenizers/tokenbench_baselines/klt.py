"""The Karhunen-Loeve transform: the best linear tokenizer for the clips that it was fitted to, by squared error.

Principal components of patches (Jain 1989, "Fundamentals of Digital Image Processing", 5.11). What a network with a
latent of this size does better, it does by more than linear algebra.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import TokenizerInfo
from tokenbench_baselines.linear import LinearImage, LinearVideo, patches_of

_WEIGHTS = Path(__file__).parent / "weights"


def load(
    info: TokenizerInfo, *, weights: str | Path | None = None, device: torch.device, dtype: torch.dtype, **_: Any
) -> LinearVideo | LinearImage:
    """The tokenizer of a card, with the transform that comes with the package, or one of a file.

    Raises:
        TokenBenchError: the file is missing, unreadable or holds another transform.
    """
    path = Path(weights) if weights else _WEIGHTS / f"{info.name}.safetensors"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise TokenBenchError(f"cannot read the transform {path}: {error}; give a file made by training it") from error
    t, h, w = info.compression
    shapes = {"mean": (t * h * w * 3,), "basis": (info.latent_channels, t * h * w * 3)}
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != shapes:
        raise TokenBenchError(f"{path} holds no transform for {info.name}: expected {shapes}")
    made = LinearVideo if t > 1 else LinearImage
    return made(info, *(tensors[name].to(device, dtype) for name in ("basis", "mean")))


def fit(videos: Iterable[Tensor], compression: tuple[int, int, int], channels: int) -> tuple[Tensor, Tensor]:
    """The mean of all patches, and the directions of their largest variance.

    Args:
        videos: B x 3 x T x H x W in [-1, 1]; T, H and W multiples of the compression.
        compression: of a patch along T, H and W.
        channels: directions that are kept.

    Returns:
        Mean, t h w 3, and orthonormal rows, channels x (t h w 3), of falling variance; float64.

    Raises:
        TokenBenchError: there are fewer patches than directions.
    """
    size = 3 * compression[0] * compression[1] * compression[2]
    count, total, products = 0, torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for video in videos:
        patches = patches_of(video, compression).flatten(0, 3).double()
        count += len(patches)
        total += patches.sum(0)
        products += patches.T @ patches
    if count <= channels:
        raise TokenBenchError(f"{count} patches are too few for {channels} principal components; give more clips")
    mean = total / count
    _, vectors = torch.linalg.eigh(products / count - torch.outer(mean, mean))
    return mean, vectors.T.flip(0)[:channels].contiguous()
