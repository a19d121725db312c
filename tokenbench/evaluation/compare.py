"""Score a folder of reconstructions against a folder of references, as the public metrics script does.

No tokenizer runs here, and torch is not imported.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import tokenbench
from tokenbench.datasets.folder import listing_sha256, media_files, media_kind
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.aligned import aligned
from tokenbench.evaluation.assemble import assemble, scored_records, write_run
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.journal import Journal, fingerprint
from tokenbench.evaluation.loop import Say, score_all
from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.meters import ClipMeters, ScoredClip
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import Result
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics.conventions import CONVENTIONS, Convention
from tokenbench.metrics.traits import ClipTraits

# Reference and reconstruction, by the reference's name.
Pairs = dict[str, tuple[Path, Path]]
Pair = tuple[str, Path, Path]


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
    run: Path | None = None,
    device: str = "cpu",
) -> Comparison:
    """Measure every pair of files.

    Args:
        reference: a folder of videos or images, or one file.
        reconstruction: likewise; files are paired by their name without suffix.
        frames: only the first so many of each pair.
        measures: what is measured.
        convention: of PSNR and SSIM.
        run: a folder for what is done so far and for the result, as `evaluate` has it; what an interrupted comparison
            has finished there is not done again. None keeps nothing.
        device: that the networks of the measures are on.

    Raises:
        TokenBenchError: a folder is missing or empty, the names do not match, or `run` belongs to another comparison,
            is in use, or cannot be written.
    """
    pairs = pair_files(reference, reconstruction)
    protocol = Protocol.of(convention, measures, frames=frames)
    with (
        nullcontext(run) if run is not None else TemporaryDirectory(prefix="tokenbench-") as folder,
        Journal(Path(folder), _fingerprint(pairs, protocol)) as journal,
    ):

        def score(pair: Pair, say: Say) -> ScoredClip:
            return score_pair(*pair, protocol, measures)

        named = {name: (name, *pair) for name, pair in pairs.items()}
        failed = score_all(named, score, journal, name="compare")
        records = scored_records(journal, pairs)
        result = assemble(
            journal,
            list(pairs),
            failed,
            tokenizer={"name": "compare"},
            dataset=reference.resolve().name,
            manifest_sha256=listing_sha256({name: original for name, (original, _) in pairs.items()}),
            protocol=protocol,
            measures=measures,
            samples=[],
            environment=environment(device=device),
        )
        if run is not None:
            write_run(run, result, records)
    return Comparison(result, records)


def _fingerprint(pairs: Pairs, protocol: Protocol) -> str:
    """Of everything that decides the numbers; a file is known by its size and time."""
    files = [
        [name, *([str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in pair)]
        for name, pair in pairs.items()
    ]
    return fingerprint({"tokenbench": tokenbench.__version__, "files": files, "protocol": protocol.as_dict()})


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
    original = _clip(name, reference).probed()
    copy = _clip(name, reconstruction).probed()
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
        for pair in stored_alike(pairs, protocol.common_storage, original):
            meters.update(*pair)
        scored = meters.scored()
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
