"""Data sets: what they hold, and whether their files are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

from tokenbench.datasets.catalog import available, open_dataset
from tokenbench.datasets.dataset import Dataset
from tokenbench.datasets.sources import SOURCES
from tokenbench.doctor.line import Line
from tokenbench.errors import TokenBenchError


def datasets(planned: str | None) -> Iterator[Line]:
    """The planned data set; else those that come with TokenBench."""
    for name in [planned] if planned else available():
        yield from _dataset(name, needed=planned is not None)
    if planned is None:
        names = ", ".join(f"{name}:FOLDER" for name in SOURCES)
        yield Line("note", "raw data sets", "any folder of videos and images", f"--dataset FOLDER, {names}")


@cache
def opened(name: str) -> Dataset:
    """A data set, looked for once: walking through a large folder takes a while.

    Raises:
        TokenBenchError: there is none of that name, or it cannot be read.
    """
    return open_dataset(name)


def _dataset(name: str, needed: bool) -> Iterator[Line]:
    try:
        found = opened(name)
    except TokenBenchError as error:
        yield Line("missing", name, "", str(error), needed=needed)
        return
    kinds = Counter(clip.kind for clip in found.clips)
    yield Line("ok", name, f"{kinds['video']} videos, {kinds['image']} photographs", needed=needed)
    if found.note:
        yield Line("note", name, found.note)
