"""Any folder of videos and photographs."""

from __future__ import annotations

from pathlib import Path

from tokenbench.datasets.folder import read_folder
from tokenbench.datasets.sources.found import Found
from tokenbench.datasets.sources.source import Source


def find(root: Path) -> Found:
    """Every video and image under a folder, by its path in it.

    Raises:
        TokenBenchError: the folder is missing, or holds neither.
    """
    dataset = read_folder(root)
    return Found(name=dataset.name, clips=dataset.clips, expected=0)


SOURCE = Source(
    name="folder",
    title="any folder of videos and photographs",
    home="your own",
    license="as their owner states it",
    find=find,
)
