"""Raw data sets as they lie on a user's disk: one module each, which finds its clips in every usual layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tokenbench.datasets.sources import bdd100k, bridge, coco, davis, imagenet
from tokenbench.datasets.sources.found import Found

# Name -> finds its clips under a folder; raises TokenBenchError where the folder does not hold the data set.
SOURCES: dict[str, Callable[[Path], Found]] = {
    "bdd100k": bdd100k.find,
    "bridge": bridge.find,
    "coco": coco.find,
    "davis": davis.find,
    "imagenet": imagenet.find,
}

__all__ = ["SOURCES", "Found"]
