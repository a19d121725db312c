"""Two folders whose files are references and their reconstructions: which belong together, and how a pair is scored."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path, PurePosixPath

from tokenbench.datasets.folder import media_files, media_kind
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.aligned import aligned
from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.meters import ClipMeters, ScoredClip
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.media.stamp import refuse_changed, stamp
from tokenbench.metrics.traits import ClipTraits

# Reference and reconstruction, by the reference's name.
Pairs = dict[str, tuple[Path, Path]]


def pair_files(reference: Path, reconstruction: Path) -> Pairs:
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
    pair = _clip(name, reference), _clip(name, reconstruction)
    before = [stamp(clip) for clip in pair]
    original, copy = (clip.probed() for clip in pair)
    if (original.height, original.width) != (copy.height, copy.width):
        raise ClipError(
            f"{reference} is {original.width}x{original.height} and {reconstruction} is {copy.width}x{copy.height}; "
            "a pair must have one size"
        )
    size = chunk_frames(original.height, original.width)
    traits = ClipTraits()
    with (
        closing(prefetch(traits.watch(original.chunks(size, frames=protocol.frames)))) as left,
        closing(prefetch(copy.chunks(size, frames=protocol.frames))) as right,
        ClipMeters(measures, protocol, original) as meters,
    ):
        pairs = aligned(left, right, reference, reconstruction)
        for chunks in stored_alike(pairs, protocol.common_storage, original):
            meters.update(*chunks)
        scored = meters.scored()
    for clip, stamped in zip(pair, before, strict=True):
        refuse_changed(clip, stamped)
    scored.record.traits.update(traits.values())
    return scored


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
