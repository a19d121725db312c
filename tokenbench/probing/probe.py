"""What a probe is, what it works on, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.frames import as_array
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.streams import open_stream, streams_itself, window_used
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import chunk_frames
from tokenbench.media.pixels import Quantisation
from tokenbench.tokenizer import Tokenizer

Frames = NDArray[np.uint8]
Levels = NDArray[np.float32]
Number = float | int

SMALLEST_SIZE = 64
FEWEST_FRAMES = 5

# Codecs know of time; it says nothing to a network.
_FPS = 25.0

# Smaller values are what float32 leaves.
_NOTHING = 5e-5

# A step of tokens and at least three frames more, so that the last frame of a still clip is none of the first.
_SHORTEST_STEP = 4


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A tokenizer, and the size of what it is shown.

    Args:
        tokenizer: loaded, on `compute.device`.
        compute: device and dtype.
        window: cut clips into independent windows of so many frames; None as `open_stream` has it.
        size: height and width of all patterns, in pixels.
        frames: of a moving pattern.
        settings: that the tokenizer was loaded with.
    """

    tokenizer: Tokenizer
    compute: Compute
    window: int | None = None
    size: int = 256
    frames: int = 17
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size < SMALLEST_SIZE or self.frames < FEWEST_FRAMES:
            raise TokenBenchError(
                f"patterns of {self.size} pixels and {self.frames} frames are too small to measure on; "
                f"take at least {SMALLEST_SIZE} pixels and {FEWEST_FRAMES} frames"
            )

    @property
    def takes_images(self) -> bool:
        """Whether every frame goes through the tokenizer alone."""
        return self.tokenizer.info.modality == "image"

    @property
    def quantisation(self) -> Quantisation:
        """Networks give floats, which show less than a level; codecs give 8 bits."""
        is_codec = streams_itself(self.tokenizer, self.window) and hasattr(self.tokenizer, "frame_stream")
        return "round" if is_codec else "none"

    @property
    def window_used(self) -> int | None:
        """Frames of the independent windows that clips are cut into; None where nothing cuts them."""
        return window_used(self.tokenizer, self.window)

    @property
    def still_frames(self) -> int:
        """Frames of a short still clip: one for an image tokenizer, else frame 0 and at least one step of tokens."""
        step = max(_SHORTEST_STEP, self.tokenizer.info.compression[0])
        return 1 if self.takes_images else min(self.frames, 1 + step)

    def reconstruct(self, clip: Frames) -> Levels:
        """A clip after its way through the tokenizer: padded, windowed and streamed as in an evaluation.

        Args:
            clip: uint8 T x H x W x 3.

        Returns:
            float32 T x H x W x 3 in [0, 255].

        Raises:
            ClipError: the tokenizer fails.
        """
        stream = open_stream(self.tokenizer, self.compute, fps=_FPS, window=self.window, quantisation=self.quantisation)
        height, width = clip.shape[1:3]
        step = chunk_frames(height, width)
        chunks = (clip[start : start + step] for start in range(0, len(clip), step))
        pairs = reconstruct(chunks, stream, open_storage("none", height, width, _FPS))
        return np.concatenate([np.asarray(as_array(output), np.float32) for _, output in pairs])

    def reconstruct_still(self, image: Frames) -> Levels:
        """H x W x 3 shown as a short still clip: its last frame, float32 H x W x 3 in [0, 255].

        Raises:
            ClipError: the tokenizer fails.
        """
        return self.reconstruct(np.repeat(image[None], self.still_frames, axis=0))[-1]


@dataclass(frozen=True)
class Figure:
    """A number that a probe found.

    Args:
        name: in a table.
        value: a number, several, a name, or None where there is none.
        unit: "" for names and shares of 1.
    """

    name: str
    value: Number | str | Sequence[Number] | None
    unit: str = ""

    @property
    def text(self) -> str:
        """The value as a reader wants it."""
        if self.value is None or isinstance(self.value, str):
            return self.value or "-"
        values = (self.value,) if isinstance(self.value, Number) else self.value
        return "  ".join(f"{value:.4g}" if abs(value) >= _NOTHING else "0" for value in values)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Curves over one axis.

    Args:
        x_label: of the horizontal axis, with its unit.
        y_label: of the vertical axis, with its unit.
        curves: x and y by the curve's name.
        mark: where a horizontal line marks a limit or what is ideal.
    """

    x_label: str
    y_label: str
    curves: Mapping[str, tuple[Sequence[Number], Sequence[Number]]]
    mark: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one probe found.

    Args:
        verdict: one plain sentence or two.
        faults: their names; empty where there are none.
        figures: what was measured.
        pattern: the picture that was shown, uint8 H x W x 3; of a moving one the frame that is most telling.
        reconstruction: of it, float32 H x W x 3 in [0, 255].
        plot: figures over frequency, time or place.
    """

    verdict: str
    faults: tuple[str, ...] = ()
    figures: tuple[Figure, ...]
    pattern: Frames
    reconstruction: Levels
    plot: Plot | None = None

    def value(self, name: str) -> Any:
        """Of the figure of that name."""
        return {figure.name: figure.value for figure in self.figures}[name]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A pattern and its analysis.

    Args:
        name: to choose it by, and of its files.
        title: for readers.
        shows: what is shown to the tokenizer and what that lays bare, one sentence each.
        source: that defines the pattern or the analysis.
        run: does it.
        over_time: it looks at what frames do to each other, so it does not apply to image tokenizers.
    """

    name: str
    title: str
    shows: str
    source: str
    run: Callable[[Subject], Finding]
    over_time: bool = False


def verdict_of(problems: Mapping[str, str], otherwise: str) -> tuple[str, tuple[str, ...]]:
    """Verdict and faults of a finding.

    Args:
        problems: a clause by the name of each fault.
        otherwise: the clause where there is none.
    """
    said = "; ".join(problems.values()) or otherwise
    return said[0].upper() + said[1:] + ".", tuple(problems)
