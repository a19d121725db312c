"""Mini-batches of random samples, each a pure function of settings, seed, step and rank."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import MediaKind
from tokenbench_cosmos.training.data.clips import SourceClip, find_clips
from tokenbench_cosmos.training.data.crop import image_sample, video_sample
from tokenbench_cosmos.training.data.decode import ClipIndex
from tokenbench_cosmos.training.data.draw import draw, draw_of_step
from tokenbench_cosmos.training.data.settings import DataSettings
from tokenbench_cosmos.training.data.store import Store, StoredClip

_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Batch:
    """Samples of one mini-batch.

    Args:
        frames: uint8 B x T x H x W x 3, contiguous; T is 1 for images.
        ids: of the samples, "clip@first frame".
        kind: whether these are videos or images.
    """

    frames: NDArray[np.uint8]
    ids: tuple[str, ...]
    kind: MediaKind

    def to_float(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
        """As a network takes it: B x 3 x T x H x W in [-1, 1], contiguous, by `tokenbench.media.pixels.to_float`."""
        # Not above: worker processes begin sooner without it.
        from tokenbench.media.pixels import to_float

        count, length = self.frames.shape[:2]
        joined = to_float(self.frames.reshape(-1, *self.frames.shape[2:]), device, dtype)
        return joined[0].unflatten(1, (count, length)).transpose(0, 1).contiguous()


@dataclass(frozen=True)
class Pool:
    """Clips to draw samples from: a video holds one for each frame that a sample can begin at, an image is one.

    Args:
        clips: in their order.
        ends: of each, how many samples it and those before it hold.
    """

    clips: tuple[StoredClip, ...]
    ends: tuple[int, ...]

    def pick(self, chance: float) -> tuple[StoredClip, int]:
        """A clip and the sample's first frame: each sample of the pool is as likely as any other.

        Args:
            chance: in [0, 1).
        """
        number = int(chance * self.ends[-1])
        which = bisect_right(self.ends, number)
        return self.clips[which], number - (self.ends[which - 1] if which else 0)


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What a recipe trains on.

    Args:
        settings: of the recipe.
        seed: of the training.
        videos: to cut video samples from; empty where mini-batches are of images only.
        images: likewise.
        notes: what a user must know of it, a line each: what was left out.
        sha256: of all files that are trained on, in order.
    """

    settings: DataSettings
    seed: int
    videos: Pool
    images: Pool
    notes: tuple[str, ...]
    sha256: str

    @property
    def clips_sha256(self) -> list[str]:
        """Digests of the files that are trained on, sorted."""
        return sorted({clip.source.sha256 for pool in (self.videos, self.images) for clip in pool.clips})

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The mini-batch of one process.

        Sample i of rank r is number r * B + i of the step, whatever the number of processes: two with B samples each
        see the samples of one with 2 B.

        Args:
            step: counted from 0.
            rank: of the process.
            world: number of processes.

        Raises:
            ClipError: a clip cannot be read any more.
        """
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} of {world} processes")
        images, settings = self.settings.is_image_step(step), self.settings
        pool, size = (self.images, settings.image_batch) if images else (self.videos, settings.batch)
        sample_of = partial(image_sample, side=self._image_side(step)) if images else video_sample
        samples, ids = [], []
        for index in range(rank * size, (rank + 1) * size):
            chance = draw(self.seed, step, index)
            clip, first = pool.pick(chance.which)
            frames = _read(clip, first, 1 if images else settings.frames)
            samples.append(sample_of(frames, chance, settings))
            ids.append(f"{clip.source.id}@{first}")
        return Batch(np.stack(samples), tuple(ids), "image" if images else "video")

    def _image_side(self, step: int) -> int:
        """Of all samples of a mini-batch of images, in every process."""
        sides = self.settings.image_sides
        return sides[int(draw_of_step(self.seed, step) * len(sides))]


def build_data(
    settings: DataSettings,
    seed: int,
    *,
    held_out: Sequence[str] = (),
    on_clip: Callable[[int, int], None] = lambda done, total: None,
) -> TrainingData:
    """Find the clips of a recipe, check them, and decode them into the cache.

    Every file is read for its digest, and a clip that the cache does not know is decoded from beginning to end, so that
    a damaged one stops the training before it begins. Of processes that share a cache, one does it, the others wait.

    Args:
        settings: of the recipe.
        seed: of the training.
        held_out: data sets that must not be trained on, beside those that come with TokenBench.
        on_clip: called with how many clips are done, and of how many.

    Raises:
        Problems: a line for each value that means nothing, and each file that is damaged or is kept for evaluation.
        TokenBenchError: a source cannot be had, or there is nothing to train on.
        OutputError: the cache cannot be written.
    """
    settings.check()
    found = find_clips(settings, held_out)
    store = Store(Path(settings.cache).expanduser(), settings.cache_bytes, settings.cache_short_side)
    with store.locked():
        indexed = store.indexed(found, on_clip)
        least = 1 if settings.bounce else settings.frames
        long = [pair for pair in indexed if pair[0].clip.kind == "image" or pair[1].frames >= least]
        stored = store.stored(long, on_clip)
    videos = [clip for clip in stored if clip.source.clip.kind == "video"]
    images = [clip for clip in stored if clip.source.clip.kind == "image"]
    if settings.uses_videos and not videos:
        raise TokenBenchError(
            f"no video of {settings.frames} frames or more in {', '.join(settings.sources)}; add a source, lower "
            "data.frames, set data.bounce = true, or data.image_every = 1 to train on images only"
        )
    if settings.uses_images and not images:
        raise TokenBenchError(
            f"no image in {', '.join(settings.sources)}; add a source, or set data.image_every = 0 to train on videos "
            "only"
        )
    return TrainingData(
        settings=settings,
        seed=seed,
        videos=_pool(videos, least),
        images=_pool(images, 1),
        notes=tuple(_notes(settings, indexed, stored)),
        sha256=hashlib.sha256("".join(f"{clip.source.cut}\n" for clip in stored).encode()).hexdigest(),
    )


def _read(clip: StoredClip, first: int, count: int) -> NDArray[np.uint8]:
    """Frames from `first` on, back and forth where the clip has not so many."""
    if first + count <= clip.index.frames:
        return clip.read(first, count)
    turn = max(2 * (clip.index.frames - 1), 1)
    forth = np.arange(first, first + count) % turn
    numbers = np.minimum(forth, turn - forth)
    begin = numbers.min()
    return clip.read(begin, numbers.max() - begin + 1)[numbers - begin]


def _pool(clips: list[StoredClip], frames: int) -> Pool:
    return Pool(tuple(clips), tuple(accumulate(clip.index.frames - frames + 1 for clip in clips)))


def _notes(
    settings: DataSettings, indexed: list[tuple[SourceClip, ClipIndex]], stored: list[StoredClip]
) -> Iterator[str]:
    videos = [(clip, index) for clip, index in indexed if clip.clip.kind == "video"]
    short = [clip.id for clip, index in videos if index.frames < settings.frames]
    if short and not settings.bounce:
        named = ", ".join(short[:_NAMED_AT_MOST]) + (", ..." if short[_NAMED_AT_MOST:] else "")
        yield (f"{len(short)} of {len(videos)} videos are shorter than {settings.frames} frames and left out: {named}")
    if homeless := sum(clip.path is None for clip in stored):
        yield (
            f"{homeless} of {len(stored)} clips find no room in {settings.cache} and are decoded at each use; "
            "raise data.cache_bytes, or lower data.cache_short_side"
        )
