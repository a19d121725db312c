"""A clip: one video or photograph, described, and opened as a stream of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import ClipError, printable
from tokenbench.files import sha256_of_file
from tokenbench.media.frames_folder import probe_frames, read_frames
from tokenbench.media.image import image_size, read_image
from tokenbench.media.member import Member
from tokenbench.media.video import probe_video, read_chunks

MediaKind = Literal["video", "image"]

# Memory for one chunk of 8-bit frames; a network's float copy takes four times as much.
_CHUNK_BYTES = 16 * 2**20
_LONGEST_CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One video or photograph of a data set.

    Args:
        id: unique in its data set.
        domain: what it shows or where it comes from, for breakdowns.
        path: the file; of a video also a folder of numbered images (`tokenbench.media.frames_folder`).
        member: where `path` is an archive, the name of the clip's file in it (`tokenbench.media.member`).
        start, end: in seconds, where the clip is a cut of a longer video file: its frames are those whose time stamps,
            counted from the video's first, are in [start, end). An `end` of 0 is the video's.
        sha256: that the file must have; empty where nothing is known of it.
        kind: a photograph is a clip of one frame and 0 frames a second.
        frames, fps, height, width: as displayed; 0 where not known yet (`probed` finds out), and `frames` stays 0
            where the container does not say. A folder of images does not know its `fps`: it must be given.
        source: the video or take that it was cut from, where other clips may share it; empty for its own.
    """

    id: str
    domain: str
    path: Path
    kind: MediaKind
    frames: int = 0
    fps: float = 0.0
    height: int = 0
    width: int = 0
    source: str = ""
    member: str = ""
    start: float = 0.0
    end: float = 0.0
    sha256: str = ""

    def __post_init__(self) -> None:
        """Files are named after clips, so that an id must not lead out of a folder.

        Raises:
            ClipError: it does, or is no name.
        """
        place = PurePosixPath(self.id)
        if place.is_absolute() or ".." in place.parts or "\0" in self.id or not self.id:
            raise ClipError(f"{self.path}: the clip's id {printable(self.id)!r} leads out of its folder; rename it")

    @property
    def content(self) -> Path | Member:
        """Where the clip's bytes lie: a file, a folder of images, or a file in an archive."""
        return Member(self.path, self.member) if self.member else self.path

    def probed(self) -> Clip:
        """This clip with its size and rate as the file has them.

        Raises:
            ClipError: the file cannot be read, or is another than the one that its digest tells of.
        """
        if self.sha256:
            self._refuse_another_file()
        if self.kind == "image":
            height, width = image_size(self.content)
            return replace(self, frames=1, fps=0.0, height=height, width=width)
        if self.path.is_dir():
            frames, height, width = probe_frames(self.path)
            return replace(self, frames=frames, height=height, width=width)
        info = probe_video(self.content, start=self.start, end=self.end)
        return replace(self, frames=info.frames, fps=info.fps, height=info.height, width=info.width)

    def chunks(self, size: int, *, frames: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """The clip's frames, uint8 T x H x W x 3 with T <= `size`, at most `frames` in all.

        Raises:
            ClipError: the file cannot be read.
        """
        if self.kind == "image":
            yield read_image(self.content)[None]
        elif self.path.is_dir():
            yield from read_frames(self.path, size, frames=frames)
        else:
            yield from read_chunks(self.content, size, frames=frames, start=self.start, end=self.end)

    def _refuse_another_file(self) -> None:
        if (found := sha256_of_file(self.path)) != self.sha256:
            raise ClipError(
                f"{self.path} has sha256 {found[:16]}..., its manifest says {self.sha256[:16]}...; put back the file "
                "that the manifest was made for, or build the data set again"
            )


def chunk_frames(height: int, width: int) -> int:
    """Frames of that size that make a chunk of bounded memory."""
    return max(1, min(_LONGEST_CHUNK, _CHUNK_BYTES // (height * width * 3)))
