"""One clip on the page: its original and what every run made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenbench.media.clip import Clip
from tokenbench.viewing.choice import Choice
from tokenbench.viewing.layers import Layer
from tokenbench.viewing.moments import Moments


@dataclass(frozen=True)
class Original:
    """A chosen clip, once its original is written.

    Args:
        choice: why it is shown.
        clip: with its size and rate known.
        moments: which of its frames are shown.
        folder: of its files.
        layer: of the original.
    """

    choice: Choice
    clip: Clip
    moments: Moments
    folder: Path
    layer: Layer


@dataclass(frozen=True)
class Rendering:
    """One run's layers of one clip, or the reason why there are none.

    Args:
        reconstruction, error: the layers; None where there is a problem.
        origin: where the pixels come from, in words.
        problem: in one line; empty where there is none.
    """

    reconstruction: Layer | None = None
    error: Layer | None = None
    origin: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Exhibit:
    """An original, and its renderings by the labels of the runs."""

    original: Original
    renderings: Mapping[str, Rendering]
