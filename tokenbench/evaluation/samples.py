"""One frame of every clip and of its reconstruction, so that a report can show the worst, median and best clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.evaluation.record import ClipRecord
from tokenbench.files import cannot_write
from tokenbench.media.image import write_png

Frames = NDArray[np.uint8]


class SampleFrame:
    """Keeps the pair of frames at one index of a clip, or the last pair before it."""

    def __init__(self, index: int) -> None:
        self._wanted = index
        self._seen = 0
        self._pair: tuple[Frames, Frames] | None = None
        self._index = 0

    def update(self, reference: Frames, reconstruction: Frames) -> None:
        """Look at the next frames, uint8 T x H x W x 3 each."""
        if self._seen <= self._wanted:
            here = min(self._wanted - self._seen, len(reference) - 1)
            self._pair = reference[here].copy(), reconstruction[here].copy()
            self._index = self._seen + here
        self._seen += len(reference)

    def write(self, folder: Path, clip_number: int) -> None:
        """Write both frames as PNG; their names carry the clip's and the frame's number."""
        if self._pair is not None:
            for role, image in zip(("reference", "reconstruction"), self._pair, strict=True):
                write_png(folder / f"{clip_number:06d}-{self._index:06d}-{role}.png", image)


def keep_samples(
    out: Path, folder: Path, numbers: dict[str, int], records: Sequence[ClipRecord]
) -> list[dict[str, Any]]:
    """Describe the samples of the worst, median and best clip by PSNR, and remove all others.

    Videos and photographs are ranked apart.

    Args:
        out: the run's folder.
        folder: of the samples, inside it.
        numbers: position of every clip in its data set.
        records: of the clips that were scored.

    Returns:
        For `result.json`: rank, clip, its kind, frame, PSNR, and the two pictures' paths relative to `out`.
    """
    samples = [
        _describe(out, folder, rank, record, numbers[record.clip])
        for kind in ("video", "image")
        for rank, record in _extremes([record for record in records if record.kind == kind])
    ]
    kept = {out / sample[role] for sample in samples for role in ("reference", "reconstruction")}
    try:
        for path in folder.glob("*.png"):
            if path not in kept:
                path.unlink()
    except OSError as error:
        raise cannot_write(folder, error) from error
    return samples


def _extremes(records: Sequence[ClipRecord]) -> list[tuple[str, ClipRecord]]:
    ranked = sorted(records, key=lambda record: record.values["psnr"])
    if not ranked:
        return []
    return [("worst", ranked[0]), ("median", ranked[len(ranked) // 2]), ("best", ranked[-1])]


def _describe(out: Path, folder: Path, rank: str, record: ClipRecord, number: int) -> dict[str, Any]:
    reference = next(iter(sorted(folder.glob(f"{number:06d}-*-reference.png"))))
    return {
        "rank": rank,
        "clip": record.clip,
        "kind": record.kind,
        "frame": int(reference.name.split("-")[1]),
        "psnr": record.values["psnr"],
        "reference": reference.relative_to(out).as_posix(),
        "reconstruction": reference.with_name(reference.name.replace("reference", "reconstruction"))
        .relative_to(out)
        .as_posix(),
    }
