"""The file that a clip comes from: its digest, and its place in the data set."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.media.clip import Clip
from tokenbench.media.frames_folder import frame_files
from tokenbench.media.member import Member


def source_sha256(clip: Clip) -> str:
    """SHA-256 of a clip's file; of the file in an archive; of a folder of images that of its lines "digest  name".

    Raises:
        ClipError: it is missing or unreadable.
    """
    content = clip.content
    if isinstance(content, Member):
        return hashlib.sha256(content.read_bytes()).hexdigest()
    try:
        if content.is_dir():
            lines = [f"{sha256_of_file(path)}  {path.name}\n" for path in frame_files(content)]
            return hashlib.sha256("".join(lines).encode()).hexdigest()
        return sha256_of_file(content)
    except ClipError:
        raise
    except TokenBenchError as error:
        raise ClipError(str(error)) from error


def source_file(clip: Clip, root: Path) -> str:
    """Where the clip's file lies below the data set's folder, with slashes; of one in an archive "archive:name"."""
    path = clip.path.relative_to(root).as_posix() if clip.path.is_relative_to(root) else clip.path.name
    return f"{path}:{clip.member}" if clip.member else path
