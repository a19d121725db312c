"""One frame of a few clips and of their reconstructions, so that a report can show the worst, median and best clip."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.evaluation.frames import as_array
from tokenbench.evaluation.record import ClipRecord
from tokenbench.files import cannot_write, write_bytes
from tokenbench.media.image import png_bytes

Frames = NDArray[np.uint8]

_RANKS = ("worst", "median", "best")

# While a run goes on, samples of so many clips for each rank and kind are kept, and thinned out above the other number.
_KEPT = 16
_MOST = 200


@dataclass(frozen=True)
class Sample:
    """A frame of a clip.

    Args:
        frame: its index in the clip.
        reference: the frame as PNG.
        reconstruction: its reconstruction as PNG.
    """

    frame: int
    reference: bytes
    reconstruction: bytes


class SampleFrame:
    """Keeps the pair of frames at one index of a clip, or the last pair before it."""

    def __init__(self, index: int) -> None:
        self._wanted = index
        self._seen = 0
        self._pair: tuple[Frames, Frames] | None = None
        self._index = 0

    def update(self, reference: Any, reconstruction: Any) -> None:
        """Look at the next frames, T x H x W x 3 each."""
        if self._seen <= self._wanted:
            here = min(self._wanted - self._seen, len(reference) - 1)
            self._pair = _picture(reference[here]), _picture(reconstruction[here])
            self._index = self._seen + here
        self._seen += len(reference)

    def sample(self) -> Sample | None:
        """The pair that was kept; None where no frames were seen."""
        return None if self._pair is None else Sample(self._index, *map(png_bytes, self._pair))


def write_sample(folder: Path, clip_number: int, sample: Sample) -> None:
    """Write both frames; their names carry the clip's and the frame's number.

    Raises:
        OutputError: they cannot be written.
    """
    for role in ("reference", "reconstruction"):
        write_bytes(folder / f"{clip_number:06d}-{sample.frame:06d}-{role}.png", getattr(sample, role))


def _picture(frame: Any) -> Frames:
    """A copy, H x W x 3 uint8, of an array or tensor in [0, 255]."""
    return np.array(as_array(frame).round(), dtype=np.uint8)


def read_sample(folder: Path, clip_number: int) -> Sample | None:
    """What `write_sample` wrote of a clip; None where it was thinned out."""
    for path in folder.glob(f"{clip_number:06d}-*-reference.png"):
        other = path.with_name(path.name.replace("reference", "reconstruction"))
        if other.is_file():
            return Sample(int(path.name.split("-")[1]), path.read_bytes(), other.read_bytes())
    return None


def thin_samples(folder: Path, numbers: dict[str, int], records: Collection[ClipRecord]) -> None:
    """Keep the samples of the worst, the best and the most ordinary clips so far, once there are many.

    The disk so holds a bounded number of them, however many clips there are. What stands for the median in the end is
    the kept clip that is nearest to it.

    Args:
        folder: of the samples.
        numbers: position of every clip in its data set.
        records: of the clips that were scored so far.

    Raises:
        OutputError: the folder cannot be written.
    """
    there = _clip_numbers(folder)
    if len(there) <= _MOST:
        return
    parts = _parts(records, {clip for clip, number in numbers.items() if number in there})
    _keep_only(folder, {numbers[record.clip] for ranked in parts for part in ranked for record in part[:_KEPT]})


def keep_samples(
    out: Path, folder: Path, numbers: dict[str, int], records: Collection[ClipRecord]
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

    Raises:
        OutputError: the folder cannot be written.
    """
    there = _clip_numbers(folder)
    parts = _parts(records, {clip for clip, number in numbers.items() if number in there})
    chosen = [(rank, part[0]) for ranked in parts for rank, part in zip(_RANKS, ranked, strict=True) if part]
    samples = [_describe(out, folder, rank, record, numbers[record.clip]) for rank, record in chosen]
    _keep_only(folder, {numbers[record.clip] for _, record in chosen})
    return samples


def _parts(records: Collection[ClipRecord], shown: set[str]) -> Iterator[tuple[list[ClipRecord], ...]]:
    """Of videos, then of photographs: the shown clips' records from the worst, from the median, and from the best on.

    The median is that of all clips. Only what is shown is sorted, for there may be a million of the others.
    """
    for kind in ("video", "image"):
        values = np.array([_psnr(record) for record in records if record.kind == kind])
        if values.size:
            middle = values.size // 2
            median = np.partition(values, middle)[middle]
            ranked = sorted((r for r in records if r.kind == kind and r.clip in shown), key=_psnr)
            yield ranked, sorted(ranked, key=lambda record: abs(_psnr(record) - median)), ranked[::-1]


def _psnr(record: ClipRecord) -> float:
    return record.values["psnr"]


def _clip_numbers(folder: Path) -> set[int]:
    """Of clips whose two pictures are there: a process that was killed may have left one alone."""
    references, reconstructions = (
        {_clip_number(path) for path in folder.glob(f"[0-9]*-{role}.png")} for role in ("reference", "reconstruction")
    )
    return references & reconstructions


def _clip_number(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _keep_only(folder: Path, numbers: set[int]) -> None:
    try:
        for path in folder.glob("[0-9]*.png"):
            if _clip_number(path) not in numbers:
                path.unlink()
    except OSError as error:
        raise cannot_write(folder, error) from error


def _describe(out: Path, folder: Path, rank: str, record: ClipRecord, number: int) -> dict[str, Any]:
    reference = next(iter(sorted(folder.glob(f"{number:06d}-*-reference.png"))))
    reconstruction = reference.with_name(reference.name.replace("reference", "reconstruction"))
    return {
        "rank": rank,
        "clip": record.clip,
        "kind": record.kind,
        "frame": int(reference.name.split("-")[1]),
        "psnr": _psnr(record),
        "reference": reference.relative_to(out).as_posix(),
        "reconstruction": reconstruction.relative_to(out).as_posix(),
    }
