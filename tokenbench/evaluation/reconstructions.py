"""Keep reconstructions on disk, losslessly."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.frames import as_array
from tokenbench.files import whole_file
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png
from tokenbench.media.writer import VIDEO_SUFFIX, LosslessWriter


def reconstruction_name(clip: Clip) -> str:
    """The clip's id with the suffix of a lossless file."""
    return clip.id.removesuffix(clip.path.suffix) + (".png" if clip.kind == "image" else VIDEO_SUFFIX)


def refuse_equal_names(clips: Sequence[Clip]) -> None:
    """Clips that differ in their suffix alone would take each other's place.

    Raises:
        TokenBenchError: names two of them.
    """
    taken: dict[str, Clip] = {}
    for clip in clips:
        other = taken.setdefault(reconstruction_name(clip), clip)
        if other is not clip:
            raise TokenBenchError(
                f"the reconstructions of {other.id} and {clip.id} would have the same name; rename one of the clips"
            )


class ReconstructionWriter:
    """Writes one clip's reconstruction: FFV1 video, or PNG for a photograph; the file appears when it is whole."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._clip = clip
        self._path = folder / reconstruction_name(clip)
        self._stack = ExitStack()
        self._video: LosslessWriter | None = None

    def update(self, reference: Any, reconstruction: Any) -> None:
        """Append the next frames, uint8 T x H x W x 3, an array or a tensor."""
        reconstruction = as_array(reconstruction)
        if self._clip.kind == "image":
            write_png(self._path, reconstruction[0])
            return
        if self._video is None:
            temporary = self._stack.enter_context(whole_file(self._path))
            height, width = reconstruction.shape[1:3]
            self._video = self._stack.enter_context(LosslessWriter(temporary, height, width, self._clip.fps))
        self._video.write(reconstruction)

    def __enter__(self) -> ReconstructionWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
