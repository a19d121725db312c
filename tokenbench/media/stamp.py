"""What tells quickly whether a file has changed: its size, and the time of its last change."""

from __future__ import annotations

from dataclasses import dataclass

from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.frames_folder import frame_files


@dataclass(frozen=True)
class Stamp:
    """Of a file, of all images of a folder together, or of the archive that a file lies in.

    Args:
        bytes: its size.
        modified: time of its last change, in nanoseconds; of a folder the latest. Only ever compared for equality:
            clocks jump.
    """

    bytes: int
    modified: int


def stamp(clip: Clip) -> Stamp:
    """The stamp of a clip's file.

    Raises:
        ClipError: it is missing or unreadable.
    """
    try:
        files = frame_files(clip.path) if clip.path.is_dir() else [clip.path]
        states = [path.stat() for path in files]
    except FileNotFoundError as error:
        raise ClipError(f"{clip.path}: no such file; check the path") from error
    except OSError as error:
        raise ClipError(f"{clip.path}: {error.strerror}; check the file") from error
    return Stamp(sum(state.st_size for state in states), max(state.st_mtime_ns for state in states))


def refuse_changed(clip: Clip, before: Stamp) -> None:
    """Refuse what was made of a file that somebody wrote to meanwhile.

    Args:
        clip: that was read.
        before: its stamp when that began.

    Raises:
        ClipError: the file is another one now.
    """
    if stamp(clip) != before:
        raise ClipError(
            f"{clip.path}: changed while it was read; give the same command again when nothing writes to it any more"
        )
