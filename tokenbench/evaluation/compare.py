"""Score a folder of reconstructions against a folder of references, as the public metrics script does.

No tokenizer runs here, and torch is not imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tokenbench.datasets.folder import media_files, media_kind
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import SCHEMA, DatasetSection, Failure, Result, by_media, summaries
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics import PixelScores

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """A result, and the clips that it stands on."""

    result: Result
    records: list[ClipRecord]


def compare(reference: Path, reconstruction: Path, *, frames: int | None = None) -> Comparison:
    """PSNR and SSIM of every pair of files.

    Args:
        reference: a folder of videos or images, or one file.
        reconstruction: likewise; files are paired by their name without suffix.
        frames: only the first so many of each pair.

    Raises:
        TokenBenchError: a folder is missing or empty, or the names do not match.
    """
    pairs = pair_files(reference, reconstruction)
    records: list[ClipRecord] = []
    failed: list[Failure] = []
    with tqdm(pairs.items(), desc="compare", unit="clip", dynamic_ncols=True) as progress:
        for name, (original, copy) in progress:
            progress.set_postfix_str(name)
            try:
                records.append(score_pair(name, original, copy, frames=frames))
            except ClipError as error:
                failed.append(Failure(clip=name, error=str(error)))
                progress.write(f"failed: {name}: {error}")
    return Comparison(_result(reference, pairs, records, failed, Protocol(name="compare", frames=frames)), records)


def pair_files(reference: Path, reconstruction: Path) -> dict[str, tuple[Path, Path]]:
    """Files of two folders that have the same name, suffix aside; two files are one pair.

    Raises:
        TokenBenchError: a folder is missing or empty, or a name is in one folder only.
    """
    if reference.is_file() and reconstruction.is_file():
        return {reference.name: (reference, reconstruction)}
    originals, copies = _by_stem(reference), _by_stem(reconstruction)
    if originals.keys() != copies.keys():
        lonely = [
            f"{folder} lacks {_some(names)}"
            for folder, names in (
                (reconstruction, originals.keys() - copies.keys()),
                (reference, copies.keys() - originals.keys()),
            )
            if names
        ]
        raise TokenBenchError(
            f"{reference} has {len(originals)} files and {reconstruction} {len(copies)}, and their names differ: "
            f"{'; '.join(lonely)}; give each reconstruction the name of its reference"
        )
    return {originals[stem][0]: (originals[stem][1], copies[stem][1]) for stem in originals}


def score_pair(name: str, reference: Path, reconstruction: Path, *, frames: int | None = None) -> ClipRecord:
    """Decode both files side by side and measure them, in memory that does not grow with their length.

    Raises:
        ClipError: a file cannot be read, or the two differ in size or length.
    """
    original = _clip(name, reference).probed()
    copy = _clip(name, reconstruction).probed()
    if (original.height, original.width) != (copy.height, copy.width):
        raise ClipError(
            f"{reference} is {original.width}x{original.height} and {reconstruction} is {copy.width}x{copy.height}; "
            "a pair must have one size"
        )
    scores = PixelScores()
    size = chunk_frames(original.height, original.width)
    with (
        closing(prefetch(original.chunks(size, frames=frames))) as left,
        closing(prefetch(copy.chunks(size, frames=frames))) as right,
    ):
        for one, other in _aligned(left, right, reference, reconstruction):
            scores.update(one, other)
    return ClipRecord.of(original, scores.frames, scores.values())


def _aligned(
    left: Iterator[Frames], right: Iterator[Frames], reference: Path, reconstruction: Path
) -> Iterator[tuple[Frames, Frames]]:
    """Chunks of both, which end together."""
    count = 0
    while True:
        one, other = next(left, None), next(right, None)
        lengths = [0 if chunk is None else len(chunk) for chunk in (one, other)]
        if lengths[0] != lengths[1]:
            shorter = (reference, reconstruction)[lengths[0] > lengths[1]]
            raise ClipError(f"{shorter} ends after {count + min(lengths)} frames, before its pair; re-encode it whole")
        if one is None or other is None:
            return
        count += len(one)
        yield one, other


def _by_stem(folder: Path) -> dict[str, tuple[str, Path]]:
    """Name and path by the name without suffix."""
    files: dict[str, tuple[str, Path]] = {}
    for name, path in media_files(folder).items():
        stem = str(PurePosixPath(name).with_suffix(""))
        if stem in files:
            raise TokenBenchError(f"{folder}: {files[stem][0]} and {name} differ in their suffix alone; remove one")
        files[stem] = (name, path)
    return files


def _some(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _clip(name: str, path: Path) -> Clip:
    return Clip(id=name, domain=path.parent.name, path=path, kind=media_kind(path))


def _result(
    reference: Path,
    pairs: dict[str, tuple[Path, Path]],
    records: list[ClipRecord],
    failed: list[Failure],
    protocol: Protocol,
) -> Result:
    listing = "".join(f"{name}\t{original.stat().st_size}\n" for name, (original, _) in pairs.items())
    return Result(
        schema=SCHEMA,
        tokenizer={"name": "compare"},
        dataset=DatasetSection(
            name=reference.resolve().name,
            protocol=protocol.label,
            clips=len(records),
            frames=sum(record.frames for record in records),
            manifest_sha256=hashlib.sha256(listing.encode()).hexdigest(),
        ),
        protocol=protocol.as_dict(),
        metrics=summaries(records),
        media=by_media(records),
        failed=failed,
        samples=[],
        environment=environment(),
    )
