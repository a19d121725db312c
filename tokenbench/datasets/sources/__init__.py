"""Raw data sets as they lie on a user's disk: one module each, which finds its clips in every usual layout."""

from __future__ import annotations

from tokenbench.datasets.sources import bdd100k, bridge, coco, davis, egoexo4d, folder, imagenet, panda70m
from tokenbench.datasets.sources.found import Found
from tokenbench.datasets.sources.source import Match, Scene, Source

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE for module in (bdd100k, egoexo4d, bridge, panda70m, davis, coco, imagenet, folder)
}

__all__ = ["SOURCES", "Found", "Match", "Scene", "Source"]
