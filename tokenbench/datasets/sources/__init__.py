"""Raw data sets as they lie on a user's disk: one module each, which finds its clips in every usual layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tokenbench.datasets.sources import coco, davis, imagenet
from tokenbench.datasets.sources.found import Found

# Name -> finds its clips under a folder; raises TokenBenchError where the folder does not hold the data set.
SOURCES: dict[str, Callable[[Path], Found]] = {
    "coco": coco.find,
    "davis": davis.find,
    "imagenet": imagenet.find,
}

__all__ = ["SOURCES", "Found"]
