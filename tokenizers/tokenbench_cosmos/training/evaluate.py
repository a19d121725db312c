"""How good the averaged weights are on clips that are not trained on, by the harness's own metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.catalog import open_dataset
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.metrics import PixelScores
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.tokenizer import CosmosTokenizer
from tokenbench_cosmos.training.distributed import World, gather
from tokenbench_cosmos.training.recipe import EvaluationSettings

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Scores:
    """Of one evaluation.

    Args:
        values: "psnr" in dB and "ssim", means over the clips.
        pictures: reference beside reconstruction of a clip's middle frame by clip id, uint8 H x 2W x 3; only those
            of this process's clips.
    """

    values: dict[str, float]
    pictures: dict[str, Frames]


class Evaluator:
    """Clips, cut to what a network takes, and kept in memory.

    Args:
        settings: of the recipe.
        config: of the network.
        world: whose processes each take a part of the clips.

    Raises:
        TokenBenchError: the data set cannot be had, or none of its clips is large and long enough.
        ClipError: a clip cannot be read.
    """

    def __init__(self, settings: EvaluationSettings, config: CosmosConfig, world: World) -> None:
        dataset = open_dataset(settings.dataset)
        clips = dataset.clips[: settings.limit or None]
        if not clips:
            raise TokenBenchError(f"evaluation.dataset {settings.dataset!r} has no clips; name another")
        self.dataset = {"name": dataset.name, "manifest_sha256": dataset.manifest_sha256, "clips": len(clips)}
        self._world = world
        self._clips = {clip.id: _cut(clip, settings, config) for clip in clips[world.rank :: world.size]}

    def score(self, tokenizer: CosmosTokenizer, pictures: int) -> Scores:
        """Reconstruct every clip, and compare.

        Args:
            tokenizer: on the device of this process.
            pictures: at most so many are shown.

        Raises:
            ClipError: a reconstruction has NaN or infinite values.
        """
        values: dict[str, dict[str, float]] = {}
        shown: dict[str, Frames] = {}
        for name, frames in self._clips.items():
            made = _reconstruct(tokenizer, frames)
            scores = PixelScores()
            scores.update(frames, made)
            values[name] = scores.values()
            if len(shown) < pictures:
                shown[name] = np.concatenate([frames[len(frames) // 2], made[len(made) // 2]], axis=1)
        every = [scores for part in gather(list(values.values()), self._world) for scores in part]
        return Scores({name: _mean([scores[name] for scores in every]) for name in ("psnr", "ssim")}, shown)


def _cut(clip: Clip, settings: EvaluationSettings, config: CosmosConfig) -> Frames:
    """The first frames, and the middle of each: the largest part that the network takes."""
    frames = np.concatenate(list(clip.chunks(settings.frames, frames=settings.frames)))
    time, space, _ = config.compression
    count = 1 + (len(frames) - 1) // time * time
    height, width = (min(side, settings.size or side) // space * space for side in frames.shape[1:3])
    if not height or not width:
        raise TokenBenchError(f"{clip.path} is smaller than {space} x {space} pixels; leave it out of the evaluation")
    top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
    return np.ascontiguousarray(frames[:count, top : top + height, left : left + width])


def _reconstruct(tokenizer: CosmosTokenizer, frames: Frames) -> Frames:
    """Through the tokenizer contract, as an evaluation of the exported weights has it: uint8 T x H x W x 3."""
    video = to_float(frames)
    if tokenizer.info.modality == "video":
        return to_uint8(tokenizer.reconstruct(video).float())
    images = tokenizer.reconstruct(video[0].transpose(0, 1))
    return to_uint8(images.float().transpose(0, 1).unsqueeze(0))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
