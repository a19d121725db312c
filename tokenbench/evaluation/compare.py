"""Score a folder of reconstructions against a folder of references, as the public metrics script does.

No tokenizer runs here, and torch is not imported.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tokenbench.datasets.folder import media_files, media_kind
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.aligned import aligned
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.meters import ClipMeters, ScoredClip
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import (
    SCHEMA,
    DatasetSection,
    Failure,
    Result,
    add_sets,
    by_media,
    skipped_metrics,
    summaries,
)
from tokenbench.evaluation.sets import score_sets
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics.conventions import CONVENTIONS, Convention

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """A result, and the clips that it stands on."""

    result: Result
    records: list[ClipRecord]


def compare(
    reference: Path,
    reconstruction: Path,
    *,
    frames: int | None = None,
    measures: Measures = DEFAULT_MEASURES,
    convention: Convention = CONVENTIONS["paper"],
) -> Comparison:
    """Measure every pair of files.

    Args:
        reference: a folder of videos or images, or one file.
        reconstruction: likewise; files are paired by their name without suffix.
        frames: only the first so many of each pair.
        measures: what is measured.
        convention: of PSNR and SSIM.

    Raises:
        TokenBenchError: a folder is missing or empty, or the names do not match.
    """
    pairs = pair_files(reference, reconstruction)
    protocol = Protocol.of(convention, measures, frames=frames)
    records: list[ClipRecord] = []
    failed: list[Failure] = []
    with TemporaryDirectory(prefix="tokenbench-") as folder:
        attachments = Attachments(Path(folder))
        with tqdm(pairs.items(), desc="compare", unit="clip", dynamic_ncols=True) as progress:
            for name, (original, copy) in progress:
                progress.set_postfix_str(name)
                try:
                    scored = score_pair(name, original, copy, protocol, measures)
                except ClipError as error:
                    failed.append(Failure(clip=name, error=str(error)))
                    progress.write(f"failed: {name}: {error}")
                    continue
                records.append(replace(scored.record, attached=attachments.append(scored.attached)))
        result = _result(reference, pairs, records, failed, protocol, measures)
        numbers = {name: number for number, name in enumerate(pairs)}
        for kind in result["media"]:
            chosen = [record for record in records if record.kind == kind]
            sets = score_sets(measures, chosen, attachments, numbers, kind)
            add_sets(result, kind, sets.metrics, sets.unavailable)
    return Comparison(result, records)


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


def score_pair(
    name: str, reference: Path, reconstruction: Path, protocol: Protocol, measures: Measures = DEFAULT_MEASURES
) -> ScoredClip:
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
    size = chunk_frames(original.height, original.width)
    with (
        closing(prefetch(original.chunks(size, frames=protocol.frames))) as left,
        closing(prefetch(copy.chunks(size, frames=protocol.frames))) as right,
        ClipMeters(measures, protocol, original) as meters,
    ):
        pairs = aligned(left, right, reference, reconstruction)
        for pair in stored_alike(pairs, protocol.convention.storage, original):
            meters.update(*pair)
        return meters.scored()


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
    measures: Measures,
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
        unavailable=dict(measures.unavailable),
        skipped=skipped_metrics(records),
        failed=failed,
        samples=[],
        environment=environment(),
    )
