"""The clips of a recipe: found, told apart by digest, and kept away from what tokenizers are judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.held_out import file_digests, held_out_digests
from tokenbench.errors import Problems, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench_cosmos.training.data.settings import DataSettings


@dataclass(frozen=True)
class SourceClip:
    """A clip to train on.

    Args:
        id: unique in the recipe: of the clip, behind the name of its data set where there are several.
        clip: to read.
        sha256: of its file; of a folder of frames, that of its files' digests.
    """

    id: str
    clip: Clip
    sha256: str

    @property
    def cut(self) -> tuple[str, float, float]:
        """What makes two clips the same one."""
        return self.sha256, self.clip.start, self.clip.end


def find_clips(settings: DataSettings, held_out: Sequence[str] = ()) -> list[SourceClip]:
    """Every clip of the sources once, in their order, without those that the recipe excludes.

    All files are read for their digests. A file that lies there twice is taken once.

    Args:
        settings: of the recipe; of videos and images, only what its mini-batches need is taken.
        held_out: data sets, as `open_dataset` takes them, that are kept for evaluation beside those that come with
            TokenBench.

    Raises:
        Problems: a line for each file that cannot be read, or belongs to an evaluation set.
        TokenBenchError: there is no such data set.
    """
    reserved = held_out_digests(held_out)
    found: dict[tuple[str, float, float], SourceClip] = {}
    problems: list[str] = []
    for name in settings.sources:
        dataset = open_dataset(name)
        for clip in dataset.clips:
            if not (settings.uses_images if clip.kind == "image" else settings.uses_videos):
                continue
            try:
                digests = list(file_digests(clip))
            except TokenBenchError as error:
                problems.append(str(error))
                continue
            sha256 = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
            if sha256.startswith(settings.exclude):
                continue
            if taken := [reserved[digest] for digest in digests if digest in reserved]:
                problems.append(
                    f"{clip.content} is {taken[0]}, and must not be trained on; take it away, or name its sha256 "
                    f"{sha256[:16]!r} in data.exclude"
                )
                continue
            id_ = clip.id if len(settings.sources) == 1 else f"{dataset.name}/{clip.id}"
            each = SourceClip(id_, clip, sha256)
            found.setdefault(each.cut, each)
    if problems:
        raise Problems(problems)
    return list(found.values())
