"""One pair of files under every convention: how far "PSNR" and "SSIM" drift with their definition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.folder import media_kind
from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.evaluation.aligned import aligned
from tokenbench.evaluation.float_frames import ARRAY_SUFFIX, FrameArray, open_array
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics.convention_scores import ConventionScores, quantise
from tokenbench.metrics.conventions import CONVENTIONS, Convention

NEEDS_FLOAT = "needs a float reconstruction (.npy)"

Pair = tuple[NDArray[np.uint8], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class DriftRow:
    """One convention's numbers for a pair.

    Args:
        convention: by which the pair was scored.
        values: `psnr` in dB and `ssim`; empty where the convention has none.
        difference: of each value to that of `paper`.
        note: why there are no values.
    """

    convention: Convention
    values: dict[str, float]
    difference: dict[str, float]
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "convention": self.convention.as_dict(),
            "label": self.convention.label,
            "values": self.values,
            "difference": self.difference,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A pair under every convention.

    Args:
        reference, reconstruction: names of the files.
        frames, height, width: of the pair, as scored.
        rows: in the catalogue's order.
    """

    reference: str
    reconstruction: str
    frames: int
    height: int
    width: int
    rows: tuple[DriftRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "schema": "tokenbench.drift/1",
            "reference": self.reference,
            "reconstruction": self.reconstruction,
            "frames": self.frames,
            "height": self.height,
            "width": self.width,
            "rows": [row.as_dict() for row in self.rows],
        }


def drift(reference: Path, reconstruction: Path, *, frames: int | None = None) -> Drift:
    """Score a pair under every convention, in one pass over both files and in bounded memory.

    Args:
        reference: a video or an image.
        reconstruction: the same, or a .npy file (`tokenbench.evaluation.float_frames`).
        frames: only the first so many.

    Raises:
        TokenBenchError: a path is a folder.
        ClipError: a file cannot be read, or the two differ in size or length.
    """
    original, copy = _open(reference), _open_reconstruction(reconstruction)
    if (original.height, original.width) != (copy.height, copy.width):
        raise ClipError(
            f"{reference} is {original.width}x{original.height} and {reconstruction} is {copy.width}x{copy.height}; "
            "a pair must have one size"
        )
    has_floats = isinstance(copy, FrameArray) and copy.is_float
    meters = _Meters(has_floats)
    size = chunk_frames(original.height, original.width)
    with (
        closing(prefetch(original.chunks(size, frames=frames))) as left,
        closing(prefetch(copy.chunks(size, frames=frames))) as right,
    ):
        meters.score(aligned(left, right, reference, reconstruction), original)
    return Drift(
        reference=reference.name,
        reconstruction=reconstruction.name,
        frames=meters.frames,
        height=original.height,
        width=original.width,
        rows=_rows(meters),
    )


class _Meters:
    """The meters of all conventions side by side; those without values drop out, with their reason."""

    def __init__(self, has_floats: bool) -> None:
        self._open: dict[str, ConventionScores] = {}
        self.notes: dict[str, str] = {}
        self.frames = 0
        for name, convention in CONVENTIONS.items():
            if has_floats or convention.quantisation == "round":
                self._open[name] = ConventionScores(convention)
            else:
                self.notes[name] = NEEDS_FLOAT

    def score(self, pairs: Iterator[Pair], clip: Clip) -> None:
        """Pairs as they come for most conventions, both sides stored for the others."""
        for pair in stored_alike(self._seen(pairs), "h264", clip):
            self._update("h264", pair)

    def values(self) -> dict[str, dict[str, float]]:
        return {name: meter.values() for name, meter in self._open.items()}

    def _seen(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        """The pairs, 8 bits each, once the conventions that need no storage have seen them."""
        for reference, reconstruction in pairs:
            self._update("none", (reference, reconstruction))
            self.frames += len(reference)
            yield reference, quantise(reconstruction, "round")

    def _update(self, storage: str, pair: Pair) -> None:
        for name, meter in list(self._open.items()):
            if meter.convention.storage == storage:
                try:
                    meter.update(*pair)
                except NotApplicable as error:
                    self.notes[name] = str(error)
                    del self._open[name]


def _rows(meters: _Meters) -> tuple[DriftRow, ...]:
    values = meters.values()
    paper = values["paper"]
    return tuple(
        DriftRow(
            convention=convention,
            values=values.get(name, {}),
            difference={metric: value - paper[metric] for metric, value in values.get(name, {}).items()},
            note=meters.notes.get(name, ""),
        )
        for name, convention in CONVENTIONS.items()
    )


def _open(path: Path) -> Clip:
    if path.is_dir():
        raise TokenBenchError(f"{path} is a folder; give one file, or use 'tokenbench compare' for folders")
    return Clip(id=path.name, domain=path.parent.name, path=path, kind=media_kind(path)).probed()


def _open_reconstruction(path: Path) -> Clip | FrameArray:
    return open_array(path) if path.suffix.lower() == ARRAY_SUFFIX and not path.is_dir() else _open(path)
