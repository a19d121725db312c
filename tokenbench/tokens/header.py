"""What a token file says of itself: everything that decoding it needs, and that traces it to what made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import tokenbench
from tokenbench.evaluation.padding import Sides
from tokenbench.media.limits import FRAMES, PIXELS

FORMAT = "tokenbench.tokens/1"

# No container holds more.
_MOST_FPS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class TokenizerSection:
    """The tokenizer that made the tokens.

    Args:
        name: as `load_tokenizer` takes it.
        kind, modality, compression, latent_channels, vocabulary: of its card.
        settings: that it was loaded with.
        weights_sha256: digest of its weights; None where it tells none.
        provenance: what it says of its weights and the choices behind them.
        dtype: of its arithmetic.
    """

    name: str
    kind: str
    modality: str
    compression: tuple[int, int, int]
    latent_channels: int | None
    vocabulary: int | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str | None = None
    provenance: Mapping[str, Any] | None = None
    dtype: str = "float32"


@dataclass(frozen=True, kw_only=True)
class SourceSection:
    """The clip that was encoded: the name of its file, the file's digest, and "video" or "image"."""

    file: str
    sha256: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class ProtocolSection:
    """What was asked for: only the first `frames`; independent windows of so many frames. None takes the default."""

    frames: int | None = None
    window: int | None = None


@dataclass(frozen=True, kw_only=True)
class PaddingSection:
    """What was added in front of and behind every frame, in pixels, and what it holds: "edge" or "black"."""

    height: Sides = (0, 0)
    width: Sides = (0, 0)
    space: str = "edge"


@dataclass(frozen=True, kw_only=True)
class Groups:
    """What the tokenizer got in one call, in order: a window, or a chunk of a stream.

    Decoding goes by the same groups, so that it computes what encoding and decoding in one go would.

    Args:
        frames: of the clip.
        latents: of the tokens, along time.
        front, back: copies of the first and last frame that were added.
    """

    frames: tuple[int, ...]
    latents: tuple[int, ...]
    front: tuple[int, ...]
    back: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Header:
    """The metadata of a token file.

    Args:
        tokenizer, source, protocol: what decides the tokens.
        frames, fps, height, width: of the clip; 0 frames a second for a photograph.
        padding: of every frame.
        streaming: the tokens are one stream; False where every group stands alone.
        window: frames of an independent window; None for a stream, or for a clip that went in whole.
        groups: in their order.
        dtype: of the tokens as the tokenizer gave them; the file may hold another.
        wrapped: the tokenizer gave a `Tokens`, not a bare tensor.
        bits: that the tokens take, those of the padding included; None where it is not known.
        tokens_sha256: digest of the tensor's bytes as stored, in C order.
        tokenbench: version that wrote the file.
    """

    tokenizer: TokenizerSection
    source: SourceSection
    protocol: ProtocolSection
    frames: int
    fps: float
    height: int
    width: int
    padding: PaddingSection
    streaming: bool
    window: int | None
    groups: Groups
    dtype: str
    wrapped: bool
    bits: float | None
    bits_per_pixel: float | None
    tokens_sha256: str = ""
    tokenbench: str = tokenbench.__version__

    def to_json(self) -> str:
        """The text that goes into the file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Header:
        """The header of that text.

        Raises:
            ValueError: it is not one of this format; says why.
        """
        try:
            data = json.loads(text)
        except RecursionError as error:
            raise ValueError("its header is nested too deeply") from error
        found = data.pop("format", None) if isinstance(data, dict) else None
        if found != FORMAT:
            raise ValueError(f"its format is {found!r}, expected {FORMAT!r}")
        try:
            sections = {name: made(**_tuples(data.pop(name))) for name, made in _SECTIONS.items()}
            header = cls(**sections, **data)
            header._check()
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its header is incomplete ({error})") from error
        return header

    @property
    def latents(self) -> int:
        """Length of the tokens along time."""
        return sum(self.groups.latents)

    def _check(self) -> None:
        """The numbers that decoding relies on must fit together."""
        columns = (self.groups.frames, self.groups.latents, self.groups.front, self.groups.back)
        whole = [self.frames, self.height, self.width, *(number for column in columns for number in column)]
        if not all(
            type(number) is int and number >= 0 for number in [*whole, *self.padding.height, *self.padding.width]
        ):
            raise ValueError("its header holds a negative or broken number")
        texts = (self.tokenizer.name, self.tokenizer.kind, self.tokenizer.dtype, self.source.file, self.source.kind)
        if not all(isinstance(text, str) for text in (*texts, self.dtype, self.tokens_sha256)):
            raise ValueError("its header holds a broken name")
        if len(self.padding.height) != 2 or len(self.padding.width) != 2:
            raise ValueError("its header holds a broken padding")
        if type(self.fps) not in (int, float) or not 0 <= self.fps <= _MOST_FPS:
            raise ValueError("its header holds a broken frame rate")
        if not isinstance(self.tokenizer.settings, Mapping):
            raise ValueError("its header holds broken settings")
        padded = (self.height + sum(self.padding.height)) * (self.width + sum(self.padding.width))
        if not self.height or not self.width or padded > PIXELS.value:
            raise ValueError(f"its frames have no pixels, or {PIXELS.advice}")
        if max(sum(column) for column in columns) > FRAMES.value:
            raise ValueError(f"it has {FRAMES.advice}")
        if len({len(column) for column in columns}) != 1 or sum(self.groups.frames) != self.frames or not self.frames:
            raise ValueError("its header's groups do not add up to its frames")


_SECTIONS: dict[str, Any] = {
    "tokenizer": TokenizerSection,
    "source": SourceSection,
    "protocol": ProtocolSection,
    "padding": PaddingSection,
    "groups": Groups,
}


def _tuples(section: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were; those inside settings and provenance stay."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in section.items()}
