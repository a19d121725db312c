"""What is shown of one clip, in files: exact stills and a small loop of the original, reconstructions and errors."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL import Image

from tokenbench.errors import ClipError
from tokenbench.files import cannot_write, whole_file, write_bytes, write_text
from tokenbench.media.clip import Clip
from tokenbench.media.image import png_bytes
from tokenbench.media.rate import frame_rate
from tokenbench.media.stored import VideoFormat
from tokenbench.media.writer import VideoWriter
from tokenbench.metrics import psnr
from tokenbench.viewing.heat import heat_map
from tokenbench.viewing.moments import Moments
from tokenbench.viewing.sources import Frame

# VP9 in WebM: every browser of today plays it, also those that are built without licensed codecs, and in odd sizes too.
# It is tagged with the matrix that frames are converted by, or browsers would guess another from the size.
LOOP_FORMAT = VideoFormat(
    container="webm",
    encoder="libvpx-vp9",
    suffix=".webm",
    pixel_format="yuv420p",
    odd_pixel_format="yuv420p",
    options={
        "crf": "14",
        "b": "0",
        "deadline": "good",
        "cpu-used": "4",
        "row-mt": "1",
        "colorspace": "smpte170m",
        "color_primaries": "smpte170m",
        "color_trc": "smpte170m",
        "color_range": "tv",
    },
)

# Errors are noise, which costs ten times as much as frames do: at this quality it still flickers where they flicker.
_ERROR_FORMAT = replace(LOOP_FORMAT, options={**LOOP_FORMAT.options, "crf": "40"})

# No lossless WebP is larger.
_MOST_WEBP_PIXELS = 16383
# Half the size of PNG in the same time; more effort gains 1 % in three times as long (frames of 1280 x 720).
_WEBP_OPTIONS = {"lossless": True, "method": 4, "quality": 30}


@dataclass(frozen=True)
class Layer:
    """The files of one layer of one clip.

    Args:
        stills: lossless, one for each of the moments' stills; names beside each other in one folder.
        loop: WebM; empty where nothing moves.
        psnr: of each still against the original's, in dB, as computed from these files' pixels; empty for the original.
    """

    stills: tuple[str, ...]
    loop: str = ""
    psnr: tuple[float, ...] = ()


def write_original(folder: Path, clip: Clip, moments: Moments, frames: Iterator[Frame]) -> Layer:
    """Write the layer "original" into a folder.

    Args:
        folder: of the clip's files.
        clip: with its size and rate known.
        moments: which frames.
        frames: of the clip, from the first.

    Raises:
        ClipError: there are fewer frames than the moments need.
        OutputError: the folder cannot be written.
    """
    with _LayerWriter(folder, "original", clip, moments, LOOP_FORMAT) as writer:
        for number, frame in _numbered(frames, clip, moments):
            writer.add(number, frame)
        return writer.layer()


def write_reconstruction(
    folder: Path,
    stem: str,
    clip: Clip,
    moments: Moments,
    originals: Iterator[Frame],
    reconstructions: Iterator[Frame],
    seen: Callable[[Sequence[Frame]], None],
) -> tuple[Layer, Layer]:
    """Write a reconstruction and its error into a folder.

    Args:
        folder: of the clip's files.
        stem: that names of the run's files begin with.
        clip: with its size and rate known.
        moments: which frames.
        originals: from the first.
        reconstructions: likewise.
        seen: is given the frames of the original as they pass.

    Returns:
        The layers of the reconstruction and of the error.

    Raises:
        ClipError: there are fewer frames than the moments need.
        OutputError: the folder cannot be written.
    """
    scores: list[float] = []
    with (
        _LayerWriter(folder, stem, clip, moments, LOOP_FORMAT) as shown,
        _LayerWriter(folder, f"{stem}.error", clip, moments, _ERROR_FORMAT) as error,
    ):
        pairs = zip(_numbered(originals, clip, moments), _numbered(reconstructions, clip, moments), strict=True)
        for (number, original), (_, reconstruction) in pairs:
            seen([original])
            if number in moments.stills:
                scores.append(psnr(original, reconstruction))
            if number in moments.stills or number in moments.loop:
                shown.add(number, reconstruction)
                error.add(number, heat_map(original, reconstruction))
        return shown.layer(tuple(scores)), error.layer()


def read_layers(path: Path, digest: str) -> list[Layer] | None:
    """The layers that an earlier call wrote in the same way; None where it did not, or where a file of them is lost."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        layers = [
            Layer(stills=tuple(each["stills"]), loop=each["loop"], psnr=tuple(each["psnr"])) for each in said["layers"]
        ]
        made_by = said["digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    files = [path.parent / name for layer in layers for name in (*layer.stills, layer.loop) if name]
    return layers if made_by == digest and all(file.is_file() for file in files) else None


def note_layers(path: Path, digest: str, layers: Sequence[Layer]) -> None:
    """Say that layers are whole, and of what they were made."""
    note: dict[str, Any] = {"digest": digest, "layers": [asdict(layer) for layer in layers]}
    write_text(path, json.dumps(note, indent=1) + "\n")


def _numbered(frames: Iterator[Frame], clip: Clip, moments: Moments) -> Iterator[tuple[int, Frame]]:
    """The frames up to the last that is needed, with their numbers."""
    number = -1
    for number, frame in enumerate(islice(frames, moments.end)):
        yield number, frame
    if number + 1 < moments.end:
        raise ClipError(f"{clip.id}: ends after {number + 1} frames, {moments.end} were scored; evaluate it anew")


def _lossless(frame: Frame) -> tuple[str, bytes]:
    """A still's suffix and content: WebP, or PNG where it is too large for that."""
    if max(frame.shape) > _MOST_WEBP_PIXELS:
        return ".png", png_bytes(frame)
    content = io.BytesIO()
    Image.fromarray(frame).save(content, format="WEBP", **_WEBP_OPTIONS)
    return ".webp", content.getvalue()


class _LayerWriter:
    """Keeps those frames of a clip that are shown. Files of an earlier call that begin with the same stem go first."""

    def __init__(self, folder: Path, stem: str, clip: Clip, moments: Moments, loop_format: VideoFormat) -> None:
        self._folder, self._stem, self._clip, self._moments = folder, stem, clip, moments
        self._format = loop_format
        self._stills: list[str] = []
        self._stack = ExitStack()
        self._loop: VideoWriter | None = None
        self._loop_name = f"{stem}{loop_format.suffix}" if moments.loop else ""

    def add(self, number: int, frame: Frame) -> None:
        """The next frame; kept where it is one of the moments."""
        if number in self._moments.stills:
            suffix, content = _lossless(frame)
            name = f"{self._stem}-{number:06d}{suffix}"
            write_bytes(self._folder / name, content)
            self._stills.append(name)
        if number in self._moments.loop:
            self._video().write(frame[None])

    def layer(self, scores: tuple[float, ...] = ()) -> Layer:
        """What is written when the block ends."""
        return Layer(tuple(self._stills), self._loop_name, scores)

    def _video(self) -> VideoWriter:
        if self._loop is None:
            temporary = self._stack.enter_context(whole_file(self._folder / self._loop_name))
            size = self._clip.height, self._clip.width
            rate = float(frame_rate(self._clip.fps))
            self._loop = self._stack.enter_context(VideoWriter(temporary, *size, rate, self._format))
        return self._loop

    def __enter__(self) -> _LayerWriter:
        try:
            # Digits alone: names of other runs may begin like this one's.
            stills = self._folder.glob(f"{self._stem}-{6 * '[0-9]'}.*")
            for file in [*stills, self._folder / f"{self._stem}{self._format.suffix}"]:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
