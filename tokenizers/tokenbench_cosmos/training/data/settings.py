"""What a recipe says of its data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tokenbench.errors import Problems

_DIGEST = re.compile(r"[0-9a-f]{16,64}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """The table `data` of a recipe. Defaults are those of the published training code, where it has any.

    Args:
        sources: data sets as `tokenbench.datasets.catalog.open_dataset` takes them: folders, manifests, built sets,
            "davis:FOLDER".
        exclude: SHA-256 digests of files that are left out, or their first 16 digits or more.
        image_every: every so many mini-batches, one is of images: 2 alternates, 0 is videos only, 1 images only. (The
            paper alternates "at a preset frequency" and does not give it.)
        frames: of a video sample, consecutive ones. Videos that are shorter are left out, but for `bounce`.
        bounce: a sample may begin at any frame of a video, and where the video ends it runs back, and forth again at
            the beginning: so short clips give long samples.
        height: of a video sample, in pixels.
        width: the same.
        batch: video samples in a mini-batch of one process.
        short_side: of the whole frame when a video sample is cropped from it, [least, most], drawn uniformly; the frame
            is made larger where it does not cover the sample. 320 is the published preset "360p", 720 is "720p".
        image_size: height and width of an image sample.
        image_sizes: where some are named, each mini-batch draws one of them in place of `image_size`: normalisation and
            attention see whole samples, and what has seen one size only is best at that.
        image_batch: image samples in a mini-batch of one process.
        image_short_side: as `short_side`.
        native: probability that a sample is cropped at the size that the file has.
        flip: probability that a sample is mirrored.
        reverse: probability that a video sample runs backwards.
        workers: processes that prepare mini-batches ahead; 0 prepares each when it is asked for.
        cache: folder for decoded clips, which several recipes may share.
        cache_bytes: that its decoded frames may take. Clips that find no room are decoded at each use, from the
            nearest keyframe.
        cache_short_side: frames are reduced to this short side before all else, cached or not; 0 keeps their size.
    """

    sources: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    image_every: int = 2
    frames: int = 49
    bounce: bool = False
    height: int = 256
    width: int = 256
    batch: int = 1
    short_side: tuple[int, int] = (320, 320)
    image_size: int = 256
    image_sizes: tuple[int, ...] = ()
    image_batch: int = 4
    image_short_side: tuple[int, int] = (320, 320)
    native: float = 0.1
    flip: float = 0.5
    reverse: float = 0.5
    workers: int = 2
    cache: str = "~/.cache/tokenbench/training"
    cache_bytes: int = 20_000_000_000
    cache_short_side: int = 0

    @property
    def uses_videos(self) -> bool:
        """Whether any mini-batch is of videos."""
        return self.image_every != 1

    @property
    def uses_images(self) -> bool:
        """Whether any mini-batch is of images."""
        return self.image_every > 0

    @property
    def image_sides(self) -> tuple[int, ...]:
        """Heights and widths that image samples have."""
        return self.image_sizes or (self.image_size,)

    def sides(self) -> list[tuple[str, int]]:
        """The sides of samples, each with words for a message: "data.height is 256"."""
        words = [("height is", self.height), ("width is", self.width)] if self.uses_videos else []
        if self.uses_images:
            word = "image_sizes has" if self.image_sizes else "image_size is"
            words += [(word, side) for side in self.image_sides]
        return [(f"data.{word} {side}", side) for word, side in words]

    def is_image_step(self, step: int) -> bool:
        """Whether the mini-batch of that step, counted from 0, is of images."""
        return self.uses_images and step % self.image_every == self.image_every - 1

    def check(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            Problems: a line for each.
        """
        if lines := list(self._wrong()):
            raise Problems(lines)

    def _wrong(self) -> Iterator[str]:
        if not self.sources:
            yield "data.sources is empty; name a folder, a manifest or a data set"
        for name in ("frames", "height", "width", "batch", "image_size", "image_batch"):
            if getattr(self, name) < 1:
                yield f"data.{name} is {getattr(self, name)}, expected 1 or more"
        if any(size < 1 for size in self.image_sizes):
            yield f"data.image_sizes is {list(self.image_sizes)}, expected sizes of 1 or more"
        for name in ("native", "flip", "reverse"):
            if not 0 <= getattr(self, name) <= 1:
                yield f"data.{name} is {getattr(self, name)}, expected a probability from 0 to 1"
        for name in ("short_side", "image_short_side"):
            least, most = getattr(self, name)
            if not 1 <= least <= most:
                yield f"data.{name} is {[least, most]}, expected [least, most] in pixels"
        for digest in self.exclude:
            if not _DIGEST.fullmatch(digest):
                yield f"data.exclude has {digest!r}, expected a SHA-256 digest, or its first 16 digits or more"
        if not self.cache:
            yield "data.cache is empty; name a folder (with cache_bytes = 0 it keeps no frames)"
