"""Token files back to videos and images, going on where an earlier run stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import torch

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.windows import Compute
from tokenbench.files import sha256_of_file, whole_file
from tokenbench.media.comment import read_comment
from tokenbench.media.image import write_png
from tokenbench.media.writer import VIDEO_SUFFIX, LosslessWriter, ViewingWriter
from tokenbench.progress import FrameCounter
from tokenbench.recorded import load_recorded
from tokenbench.tokenizer import Tokenizer
from tokenbench.tokens.batch import Job, Outcome, Say, named_files, refuse_equal_targets, work_through
from tokenbench.tokens.decode import detokenize_clip
from tokenbench.tokens.files import TOKEN_SUFFIXES, TokenFile, open_tokens, read_header
from tokenbench.tokens.header import Header, TokenizerSection

_IMAGE_SUFFIX = ".png"
_WRITERS = {VIDEO_SUFFIX: LosslessWriter, ".mp4": ViewingWriter}


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How token files become clips.

    Args:
        device: where the tokenizer runs.
        dtype: of its arithmetic; None takes that in which the tokens were made.
        tokenizer: takes the place of the one that the files name; one's own class and TorchScript must be named so.
        weights: as `load_tokenizer` takes them.
        any_weights: accept other weights than those that the tokens were made with.
        suffix: of videos: ".mkv" (FFV1, lossless) or ".mp4" (H.264, to look at).
        overwrite: replace files that are there.
    """

    device: torch.device
    dtype: torch.dtype | None = None
    tokenizer: str | None = None
    weights: str | None = None
    any_weights: bool = False
    suffix: str = VIDEO_SUFFIX
    overwrite: bool = False


def detokenize_files(inputs: Sequence[Path], out: Path, decoding: Decoding) -> Outcome:
    """Decode every token file to a video, or to a PNG where the source was an image; finished ones stay.

    A file is known again by its comment, which names the tokens, the weights and the arithmetic that it was made of.

    Args:
        inputs: token files, and folders of them.
        out: folder of the clips, which have the token files' names inside the folders given.
        decoding: how.

    Raises:
        TokenBenchError: an input is missing, two would have the same name, or a tokenizer cannot be loaded, is not
            the one that made the tokens, or holds code that the user did not name.
        OutputError: `out` cannot be written.
    """
    outcome = Outcome()
    groups: dict[str, list[Job]] = {}
    sections: dict[str, TokenizerSection] = {}
    for name, source in named_files(inputs, token_files):
        try:
            header = read_header(source)
        except ClipError as error:
            outcome.failed.append((name, str(error)))
            continue
        section = header.tokenizer
        key = json.dumps([section.name, section.settings, section.dtype, section.weights_sha256], sort_keys=True)
        sections[key] = section
        groups.setdefault(key, []).append(Job(name, source, out / _target_name(name, header, decoding.suffix)))
    refuse_equal_targets(job for jobs in groups.values() for job in jobs)
    if decoding.weights and len(groups) > 1:
        names = ", ".join(sorted({section.name for section in sections.values()}))
        raise TokenBenchError(f"--weights are of one tokenizer, the files are of several ({names}); give them apart")
    for key, jobs in groups.items():
        tokenizer, compute = _load(sections[key], jobs[0], decoding)
        work_through(tokenizer.info.name, jobs, partial(_detokenize, tokenizer, compute, decoding.overwrite), outcome)
    return outcome


def token_files(folder: Path) -> dict[str, Path]:
    """Token files under a folder by their name inside it, sorted; hidden ones are passed over.

    Raises:
        TokenBenchError: there are none.
    """
    found: dict[str, Path] = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            if path.suffix in TOKEN_SUFFIXES:
                found[path.relative_to(folder).as_posix()] = path
    if not found:
        raise TokenBenchError(f"{folder}: holds no token files ({', '.join(TOKEN_SUFFIXES)}); give another folder")
    return dict(sorted(found.items()))


def _target_name(name: str, header: Header, suffix: str) -> PurePosixPath:
    return PurePosixPath(name).with_suffix(_IMAGE_SUFFIX if header.source.kind == "image" else suffix)


def _load(section: TokenizerSection, job: Job, decoding: Decoding) -> tuple[Tokenizer, Compute]:
    """The tokenizer that made the tokens, with the same weights."""
    dtype = decoding.dtype or getattr(torch, section.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise TokenBenchError(
            f"{job.source}: its tokens were made in {section.dtype!r}, which is no dtype; give --dtype"
        )
    compute = Compute(decoding.device, dtype)
    name = decoding.tokenizer or section.name
    tokenizer = load_recorded(
        name,
        section.settings,
        where=job.source,
        typed=[decoding.tokenizer] if decoding.tokenizer else [],
        weights=decoding.weights,
        device=compute.device,
        dtype=compute.dtype,
    )
    wanted, found = section.weights_sha256, getattr(tokenizer, "weights_sha256", None)
    if wanted != found and not decoding.any_weights:
        raise TokenBenchError(
            f"{job.source}: its tokens were made with weights of sha256 {wanted or 'unknown'}, {name} now has "
            f"{found or 'unknown'}; name the same with --weights, or accept others with --any-weights"
        )
    return tokenizer, compute


def _detokenize(tokenizer: Tokenizer, compute: Compute, overwrite: bool, job: Job, say: Say) -> bool:
    comment = _comment(sha256_of_file(job.source), tokenizer, compute)
    if job.target.exists() and not overwrite:
        if read_comment(job.target) != comment:
            raise ClipError(
                f"{job.target}: was not made from {job.source} in this way; give another --out, or replace it with "
                "--overwrite"
            )
        return False
    with open_tokens(job.source) as file:
        counter = FrameCounter(job.name, file.header.frames, say)
        _write(file, tokenizer, compute, job.target, comment, counter)
    return True


def _write(
    file: TokenFile, tokenizer: Tokenizer, compute: Compute, target: Path, comment: str, counter: FrameCounter
) -> None:
    header = file.header
    with closing(detokenize_clip(file, tokenizer, compute)) as chunks:
        if target.suffix == _IMAGE_SUFFIX:
            write_png(target, next(chunks)[0], comment)
            return
        make = _WRITERS[target.suffix]
        with (
            whole_file(target) as temporary,
            make(temporary, header.height, header.width, header.fps, comment) as writer,
        ):
            for chunk in chunks:
                writer.write(chunk)
                counter.update(chunk)


def _comment(tokens_sha256: str, tokenizer: Tokenizer, compute: Compute) -> str:
    """What a decoded file says of its making."""
    parts = {
        "tokens": tokens_sha256,
        "tokenizer": tokenizer.info.name,
        "weights": getattr(tokenizer, "weights_sha256", None),
        "dtype": str(compute.dtype).removeprefix("torch."),
    }
    return "tokenbench detokenize: " + ", ".join(f"{name} {value}" for name, value in parts.items())
