"""Measure a clip whose reconstruction was kept: no tokenizer runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tokenbench.errors import ClipError
from tokenbench.evaluation.aligned import aligned
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.meters import ClipMeters, ScoredClip
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.score import Observer, stays_on_device
from tokenbench.evaluation.source import Chunks
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch

if TYPE_CHECKING:
    from tokenbench.metrics.feature_meters import SharedFeatures


def score_kept(
    clip: Clip,
    path: Path,
    protocol: Protocol,
    compute: Compute,
    measures: Measures,
    chunks: Chunks,
    observers: Sequence[Observer] = (),
    references: Mapping[str, SharedFeatures] | None = None,
) -> ScoredClip:
    """Measure what `ReconstructionWriter` has written, under a protocol that stores no reference.

    Args:
        clip: with its size and rate known.
        path: of its reconstruction.
        protocol: by which definitions.
        compute: where a tokenizer's frames would be measured.
        measures: what is measured.
        chunks: the clip's frames; closed here.
        observers: look at every pair of chunks.
        references: features of the clip itself, by network.

    Raises:
        ClipError: a file cannot be read, or the two differ in size or length.
    """
    copy = replace(clip, path=path, member="", start=0.0, end=0.0, sha256="", frames=0).probed()
    if (clip.height, clip.width) != (copy.height, copy.width):
        raise ClipError(
            f"{path} is {copy.width}x{copy.height}, and its clip {clip.width}x{clip.height}; it is of another one"
        )
    on_device = compute.device if stays_on_device(compute, protocol) else None
    size = chunk_frames(clip.height, clip.width)
    with (
        closing(chunks) as left,
        closing(prefetch(copy.chunks(size))) as right,
        ClipMeters(measures, protocol, clip, references) as meters,
    ):
        for pair in _placed(aligned(left, right, clip.path, path), on_device):
            meters.update(*pair)
            for observer in observers:
                observer.update(*pair)
        scored = meters.scored()
    return replace(scored, origin="kept")


def _placed(pairs: Iterator[tuple[Any, Any]], device: torch.device | None) -> Iterator[tuple[Any, Any]]:
    """The frames where a tokenizer would leave them: on some devices, metrics differ in their last digits."""
    for pair in pairs:
        if device is None:
            yield pair
        else:
            left, right = (torch.from_numpy(np.require(side, requirements=["C", "W"])).to(device) for side in pair)
            yield left, right
