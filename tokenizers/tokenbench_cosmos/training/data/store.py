"""Decoded clips as memory-mapped files, so that any span of frames is at hand at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tokenbench.errors import ClipError, Problems, TokenBenchError
from tokenbench.files import cannot_write, whole_file, write_text
from tokenbench.media.clip import chunk_frames
from tokenbench_cosmos.training.data.clips import SourceClip
from tokenbench_cosmos.training.data.crop import reduced_size, resized
from tokenbench_cosmos.training.data.decode import ClipIndex, index_clip, read_span


@dataclass(frozen=True)
class StoredClip:
    """A clip whose frames can be read from any of them on.

    Args:
        source: the clip.
        index: what decoding it showed.
        short_side: that its frames are reduced to; 0 keeps their size.
        path: of its decoded frames; None where they found no room.
    """

    source: SourceClip
    index: ClipIndex
    short_side: int
    path: Path | None

    def read(self, first: int, count: int) -> NDArray[np.uint8]:
        """Frames `first` to `first + count - 1`, uint8 `count` x H x W x 3, the same with a file of frames or without.

        Raises:
            ClipError: a file has gone, or is not what it was.
        """
        if self.path is None:
            frames = read_span(self.source.clip, self.index, first, count)
            return resized(frames, *reduced_size(self.index.height, self.index.width, self.short_side))
        try:
            frames = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ClipError(
                f"{self.path}: the decoded frames are gone or damaged; remove the file, start again"
            ) from error
        return frames[first : first + count]


@dataclass(frozen=True)
class Store:
    """A folder of decoded clips, named by digest.

    Args:
        folder: made where it is missing.
        limit: bytes that decoded frames may take. What lies there is never removed.
        short_side: that frames are reduced to; 0 keeps their size.
    """

    folder: Path
    limit: int
    short_side: int

    def indexed(
        self, clips: Sequence[SourceClip], on_clip: Callable[[int, int], None]
    ) -> list[tuple[SourceClip, ClipIndex]]:
        """Clips with their indexes; those that are new here are decoded once, and so found to be whole.

        Args:
            clips: to look at.
            on_clip: called with how many are done, and of how many.

        Raises:
            Problems: a line for each clip that cannot be decoded.
            OutputError: the folder cannot be written.
        """
        result, problems = [], []
        for done, clip in enumerate(clips, start=1):
            try:
                result.append((clip, self._index(clip)))
            except ClipError as error:
                problems.append(f"{error}; or name its sha256 {clip.sha256[:16]!r} in data.exclude")
            on_clip(done, len(clips))
        if problems:
            raise Problems(problems)
        return result

    def stored(
        self, clips: Sequence[tuple[SourceClip, ClipIndex]], on_clip: Callable[[int, int], None]
    ) -> list[StoredClip]:
        """Clips with their decoded frames, in their order as long as there is room.

        Args:
            clips: of `indexed`.
            on_clip: called with how many are done, and of how many.

        Raises:
            ClipError: a clip cannot be decoded any more.
            OutputError: the folder cannot be written.
        """
        used = sum(path.stat().st_size for path in self.folder.glob("*.npy"))
        result = []
        for done, (clip, index) in enumerate(clips, start=1):
            path = self.folder / f"{_key(clip)}-{self.short_side}.npy"
            height, width = reduced_size(index.height, index.width, self.short_side)
            size = index.frames * height * width * 3
            kept = path.is_file()
            if not kept and used + size <= self.limit:
                self._decode(clip, path, (index.frames, height, width, 3))
                used, kept = used + size, True
            result.append(StoredClip(clip, index, self.short_side, path if kept else None))
            on_clip(done, len(clips))
        return result

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For the one process that fills the folder; the others wait, and find it filled."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                yield
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _index(self, clip: SourceClip) -> ClipIndex:
        path = self.folder / f"{_key(clip)}.json"
        if not path.is_file():
            index = index_clip(clip.clip)
            write_text(path, json.dumps(asdict(index)))
            return index
        try:
            values = json.loads(path.read_text())
            return ClipIndex(**values | {"times": tuple(values["times"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TokenBenchError(f"{path}: not a readable index; remove the file, start again") from error

    def _decode(self, clip: SourceClip, path: Path, shape: tuple[int, int, int, int]) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        # Written and not mapped: a full disk is an error here, and would kill the process there.
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in clip.clip.chunks(chunk_frames(*shape[1:3])):
                file.write(np.ascontiguousarray(resized(chunk, *shape[1:3])).data)


def _key(clip: SourceClip) -> str:
    return hashlib.sha256(repr(clip.cut).encode()).hexdigest()[:32]
