"""Videos and images to token files, going on where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path, PurePosixPath

from tokenbench.datasets.folder import media_files, media_kind
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.media.clip import Clip
from tokenbench.progress import FrameCounter
from tokenbench.tokens.batch import Job, Outcome, Say, named_files, refuse_equal_targets, work_through
from tokenbench.tokens.encode import Encoding, tokenize_clip
from tokenbench.tokens.files import SAFETENSORS, read_header, write_tokens
from tokenbench.tokens.header import Header

_OVERWRITE = "give another --out, or replace it with --overwrite"


def tokenize_files(
    inputs: Sequence[Path], out: Path, encoding: Encoding, *, suffix: str = SAFETENSORS, overwrite: bool = False
) -> Outcome:
    """Write a token file for every video and image; those that are there already, made the same way, stay.

    Args:
        inputs: files and folders.
        out: folder of the token files, which have their sources' names inside the folders given.
        encoding: the tokenizer and how clips go through it.
        suffix: ".safetensors" or ".npz".
        overwrite: replace files that are there.

    Raises:
        TokenBenchError: an input is missing, two would have the same name, or `out` holds tokens of other settings.
        OutputError: `out` cannot be written.
    """
    jobs = [
        Job(name, source, out / PurePosixPath(name).with_suffix(suffix))
        for name, source in named_files(inputs, media_files)
    ]
    refuse_equal_targets(jobs)
    outcome = Outcome()
    if not overwrite:
        _refuse_other_settings(jobs, encoding)
    work_through(encoding.tokenizer.info.name, jobs, partial(_tokenize, encoding, overwrite), outcome)
    return outcome


def _tokenize(encoding: Encoding, overwrite: bool, job: Job, say: Say) -> bool:
    digest = sha256_of_file(job.source)
    if job.target.exists() and not overwrite:
        if _header_of(job.target).source.sha256 != digest:
            raise ClipError(f"{job.target}: holds the tokens of another {job.source.name}; {_OVERWRITE}")
        return False
    clip = Clip(id=job.name, domain="", path=job.source, kind=media_kind(job.source)).probed()
    counter = FrameCounter(job.name, min(clip.frames, encoding.frames or clip.frames), say)
    tokens, header = tokenize_clip(clip, encoding, source_sha256=digest, observe=counter.update)
    write_tokens(job.target, tokens, header)
    return True


def _header_of(target: Path) -> Header:
    try:
        return read_header(target)
    except ClipError as error:
        raise ClipError(f"{error}; {_OVERWRITE}") from error


def _refuse_other_settings(jobs: Sequence[Job], encoding: Encoding) -> None:
    """Before the first clip: what the files that are there were made with. Damaged ones fail in their turn."""
    for job in jobs:
        if not job.target.exists():
            continue
        try:
            header = read_header(job.target)
        except ClipError:
            continue
        for found, wanted in ((header.tokenizer, encoding.section), (header.protocol, encoding.protocol)):
            for field in fields(wanted):
                old, new = getattr(found, field.name), getattr(wanted, field.name)
                if old != new:
                    raise TokenBenchError(
                        f"{job.target}: was made with {field.name} = {old}, this run has {new}; {_OVERWRITE}"
                    )
