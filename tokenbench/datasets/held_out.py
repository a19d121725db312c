"""Files that must not be trained on, told by their digests: what tokenizers are judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from tokenbench.datasets.catalog import available, open_dataset
from tokenbench.datasets.manifest import read_entries
from tokenbench.files import sha256_of_file
from tokenbench.media.clip import Clip
from tokenbench.media.frames_folder import frame_files
from tokenbench.media.member import Member


def held_out_digests(datasets: Sequence[str] = ()) -> dict[str, str]:
    """Digests of files that must not be trained on, and what each is.

    Args:
        datasets: as `tokenbench.datasets.catalog.open_dataset` takes them, beside those that come with TokenBench.

    Raises:
        TokenBenchError: there is no such data set, or a file of it cannot be read.
    """
    reserved: dict[str, str] = {}
    for name in datasets:
        for clip in open_dataset(name).clips:
            reserved |= dict.fromkeys(file_digests(clip), f"the clip {clip.id!r} of {name!r}, which is held out")
    for name, path in available().items():
        for entry in read_entries(path)[1]:
            reserved[entry.sha256] = f"the clip {entry.id!r} of the evaluation set {name!r}"
    return reserved


def file_digests(clip: Clip) -> Iterator[str]:
    """SHA-256 of a clip's file, or of each file of a folder of frames.

    Raises:
        TokenBenchError: a file cannot be read.
    """
    if isinstance(clip.content, Member):
        yield hashlib.sha256(clip.content.read_bytes()).hexdigest()
    elif clip.path.is_dir():
        yield from map(sha256_of_file, frame_files(clip.path))
    else:
        yield sha256_of_file(clip.path)
