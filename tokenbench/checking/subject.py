"""A tokenizer under test, and the ways in which it is called."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tokenbench.checking.material import Frames, Material, middle
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.windows import Compute, decode_window, encode_window, window_margins
from tokenbench.media.pixels import to_float
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens

# The least that is tried: small, but more than one token of any tokenizer along each axis.
_LEAST_FRAMES = 9
_LEAST_SIZE = (64, 80)
_LEAST_PHOTOGRAPH = (192, 256)
_SMALL = (32, 32)


class RoundTrip(NamedTuple):
    """What a tokenizer made of a clip.

    Args:
        tokens: a copy of what `encode` gave.
        video: what `decode` gave, B x 3 x T x H x W; of an image tokenizer with T = 1.
    """

    tokens: Any
    video: Tensor

    @property
    def data(self) -> Any:
        """The tokens themselves."""
        return data_of(self.tokens)


class Subject:
    """A tokenizer under test.

    Args:
        load: makes one for a device and a dtype, with the same weights every time.
        compute: where it is tried, and in which arithmetic.
        material: the pixels that it is tried on.
        untrained: its weights are random, so nothing can be said of its pictures.
    """

    def __init__(
        self, load: Callable[[Compute], Tokenizer], compute: Compute, material: Material, *, untrained: bool = False
    ) -> None:
        self._load = load
        self._material = material
        self.compute = compute
        self.untrained = untrained
        self.tokenizer = self.fresh()

    def fresh(self, compute: Compute | None = None) -> Tokenizer:
        """Another copy that has seen nothing yet; initialisations that have no seed of their own get one.

        Raises:
            TokenBenchError: it cannot be made.
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            try:
                return self._load(compute or self.compute)
            except TokenBenchError:
                raise
            except Exception as error:  # a stranger's code may raise anything
                raise TokenBenchError(f"it cannot be made: {type(error).__name__}: {error}") from error

    @property
    def info(self) -> TokenizerInfo:
        """Its card."""
        return self.tokenizer.info

    @property
    def is_image(self) -> bool:
        """Whether it takes images."""
        return self.info.modality == "image"

    @property
    def module(self) -> nn.Module | None:
        """Its network, where it shows one."""
        found = getattr(self.tokenizer, "module", None)
        return found if isinstance(found, nn.Module) else None

    @property
    def unit(self) -> tuple[int, int]:
        """Height and width that its padding rule and its token grid both divide."""
        pairs = zip(self.info.padding.size, self.info.compression[1:], strict=True)
        height, width = (math.lcm(*pair) for pair in pairs)
        return height, width

    def valid_frames(self, least: int) -> int:
        """The first number of frames from there on that its padding rule takes."""
        multiple, remainder = self.info.padding.frames
        return least + (remainder - least) % multiple

    @cached_property
    def frames(self) -> Frames:
        """The clip that most checks use, of a size that needs no padding: uint8 T x H x W x 3, T = 1 for images."""
        if self.is_image:
            return self.cut(1, *self.size)
        multiple = self.info.padding.frames[0]
        frames = self.valid_frames(max(_LEAST_FRAMES, 2 * multiple))
        if self.info.window is not None and frames > self.info.window >= self.valid_frames(1):
            frames = self.info.window - (self.info.window - frames) % multiple
        return self.cut(frames, *self.size)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Its height and width."""
        return self._whole_units(_LEAST_SIZE)

    @cached_property
    def small(self) -> tuple[int, int]:
        """The least height and width with more than one token."""
        return self._whole_units(_SMALL)

    @cached_property
    def clip(self) -> Tensor:
        """1 x 3 x T x H x W in [-1, 1]."""
        return self.as_float(self.frames)

    @cached_property
    def other(self) -> Tensor:
        """As `clip`, with other content: upside down, in negative."""
        return self.as_float(np.ascontiguousarray(255 - self.frames[:, ::-1]))

    @cached_property
    def photograph(self) -> Tensor:
        """1 x 3 x 1 x H x W in [-1, 1], of a size that needs no padding."""
        return self.as_float(middle(self._material.photograph, *self._whole_units(_LEAST_PHOTOGRAPH)))

    @cached_property
    def first(self) -> RoundTrip:
        """What it makes of `clip`."""
        return self.round_trip(self.clip)

    @cached_property
    def seen(self) -> Tensor:
        """What comes back of `photograph`, through the runner's padding in time."""
        return self.through_runner(self.photograph)

    def cut(self, frames: int, height: int, width: int) -> Frames:
        """The middle of the video: uint8 T x H x W x 3; it goes back and forth where it is too short."""
        there = middle(self._material.video[:frames], height, width)
        return np.pad(there, ((0, frames - len(there)), (0, 0), (0, 0), (0, 0)), mode="symmetric")

    def as_float(self, frames: Frames, dtype: torch.dtype | None = None) -> Tensor:
        """As the runner gives frames to a tokenizer."""
        return to_float(frames, self.compute.device, dtype or self.compute.dtype)

    def encode(self, video: Tensor, tokenizer: Tokenizer | None = None) -> Any:
        """Tokens of B x 3 x T x H x W, which needs no padding; the tokenizer gets a copy.

        Raises:
            ClipError: the tokenizer fails.
        """
        copy = video.clone()
        call = (tokenizer or self.tokenizer).encode
        return guarded("encode", call, copy.squeeze(2) if self.is_image else copy)

    def decode(self, tokens: Any, shape: torch.Size, tokenizer: Tokenizer | None = None) -> Tensor:
        """What tokens stand for, B x 3 x T x H x W of that shape.

        Raises:
            ClipError: the tokenizer fails, or gives another shape.
        """
        video = guarded("decode", (tokenizer or self.tokenizer).decode, tokens)
        expected = (*shape[:2], *shape[3:]) if self.is_image else tuple(shape)
        if not isinstance(video, Tensor) or tuple(video.shape) != expected:
            raise ClipError(f"decode gave {describe(video)} for an input of {' x '.join(map(str, expected))}")
        return video.unsqueeze(2) if self.is_image else video

    def round_trip(self, video: Tensor, tokenizer: Tokenizer | None = None) -> RoundTrip:
        """Encode and decode B x 3 x T x H x W, which needs no padding.

        Raises:
            ClipError: the tokenizer fails, or gives another shape.
        """
        tokens = self.encode(video, tokenizer)
        return RoundTrip(copied(tokens), self.decode(tokens, video.shape, tokenizer))

    def through_runner(self, video: Tensor) -> Tensor:
        """What comes back of 1 x 3 x T x H x W of any size, padded and cropped as the runner does it.

        Raises:
            ClipError: the tokenizer fails, or gives another shape.
        """
        tokens = encode_window(self.tokenizer, video.clone())
        return decode_window(self.tokenizer, tokens, tuple(video.shape[2:]), window_margins(self.tokenizer, video))

    def _whole_units(self, least: tuple[int, int]) -> tuple[int, int]:
        height, width = (-(-size // unit) * unit for size, unit in zip(least, self.unit, strict=True))
        return height, width


def data_of(tokens: Any) -> Any:
    """The tokens themselves: a tokenizer in a file may give a bare tensor."""
    return tokens.data if isinstance(tokens, Tokens) else tokens


def copied(tokens: Any) -> Any:
    """A copy, so that whoever gets it cannot change these; a codec's bytes as they are."""
    data = data_of(tokens)
    if not isinstance(data, Tensor):
        return tokens
    return Tokens(data.clone(), tokens.bits) if isinstance(tokens, Tokens) else data.clone()
