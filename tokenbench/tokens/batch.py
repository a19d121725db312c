"""Many files, one after the other: which there are, what becomes of each, and which of them failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from tokenbench.errors import OutputError, TokenBenchError, printable

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One file to make from another.

    Args:
        name: of the source inside the folder that was given.
        source: the file to read.
        target: the file to write.
    """

    name: str
    source: Path
    target: Path


@dataclass
class Outcome:
    """What a batch did: counts of files, and name and error of those that failed."""

    written: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def named_files(inputs: Sequence[Path], files_of: Callable[[Path], dict[str, Path]]) -> list[tuple[str, Path]]:
    """Every file that the inputs mean, with its name inside its folder.

    Args:
        inputs: files, which are taken as they are, and folders.
        files_of: the files of a folder by name.

    Raises:
        TokenBenchError: an input is not there, or a folder holds no such file.
    """
    found: list[tuple[str, Path]] = []
    for given in inputs:
        if given.is_dir():
            found += files_of(given).items()
        elif given.exists():
            found.append((given.name, given))
        else:
            raise TokenBenchError(f"{given}: no such file or folder; check the path")
    return found


def refuse_equal_targets(jobs: Iterable[Job]) -> None:
    """Two files must not take each other's place.

    Raises:
        TokenBenchError: names them.
    """
    taken: dict[Path, Job] = {}
    for job in jobs:
        other = taken.setdefault(job.target, job)
        if other is not job:
            raise TokenBenchError(
                f"{other.source} and {job.source} would both be written to {job.target}; rename one, or give each run "
                "an --out of its own"
            )


def work_through(title: str, jobs: Sequence[Job], work: Callable[[Job, Say], bool], outcome: Outcome) -> None:
    """Do every job under a progress bar; one that fails is listed, and the others go on.

    Args:
        title: of the bar.
        jobs: in their order.
        work: does one job; False where it had been done before. It may say how far it is.
        outcome: is added to.

    Raises:
        OutputError: nothing more can be written.
    """
    with tqdm(jobs, desc=title, unit="clip", dynamic_ncols=True) as progress:
        for job in progress:
            progress.set_postfix_str(job.name)
            try:
                if work(job, progress.set_postfix_str):
                    outcome.written += 1
                else:
                    outcome.skipped += 1
            except OutputError:
                raise
            except TokenBenchError as error:
                outcome.failed.append((job.name, str(error)))
                progress.write(f"failed: {printable(job.name)}: {printable(error)}")
