"""Token grids of video networks: which clips one takes, and the shapes that must come out.

Networks of the library drop frames, cut sizes or enlarge them without a word where a clip does not fit; here it is
refused, in both directions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import TokenizerInfo

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


def refuse_invalid(info: TokenizerInfo, video: Tensor) -> None:
    """A clip must have a frame count and a size of the card's padding rule.

    Args:
        info: of the tokenizer.
        video: B x 3 x T x H x W.

    Raises:
        TokenBenchError: it is no batch of clips.
        ClipError: the network would drop or add frames or pixels; says what to pad to.
    """
    if video.dim() != 5 or video.shape[1] != 3 or 0 in video.shape:
        raise TokenBenchError(f"{info.name} takes B x 3 x T x H x W, none of them zero, got {describe(video)}")
    rules = (info.padding.frames, *((multiple, 0) for multiple in info.padding.size))
    problems, valid = [], []
    for axis, size, (multiple, rest) in zip("THW", video.shape[2:], rules, strict=True):
        valid.append(size + (rest - size) % multiple)
        if size != valid[-1]:
            problems.append(f"{axis} = {size} is not {f'{rest} + ' if rest else ''}a multiple of {multiple}")
    if problems:
        raise ClipError(f"{info.name}: {', '.join(problems)}; pad T x H x W to {' x '.join(map(str, valid))}")


def refuse_foreign(info: TokenizerInfo, data: Any) -> None:
    """What is decoded must be tokens of this tokenizer.

    Raises:
        TokenBenchError: they are no latents B x C x t x h x w of its channels, or no codes B x t x h x w of its
            vocabulary.
    """
    channels, codes = info.latent_channels, info.vocabulary
    wanted = f"latents B x {channels} x t x h x w" if codes is None else "whole numbers B x t x h x w"
    shape: Shape = tuple(getattr(data, "shape", ()))
    fits = len(shape) == (5 if codes is None else 4) and 0 not in shape and (codes is not None or shape[1] == channels)
    if not fits or data.is_floating_point() != (codes is None):
        raise TokenBenchError(f"{info.name} decodes {wanted}, got {describe(data)}")
    if codes is not None and (data.min() < 0 or data.max() >= codes):
        raise TokenBenchError(f"{info.name} decodes codes 0 to {codes - 1}, got {int(data.min())} to {int(data.max())}")


def token_shape(info: TokenizerInfo, video: Shape) -> Shape:
    """Of the tokens of a clip B x 3 x T x H x W that fits: B x C x t x h x w, or B x t x h x w for codes."""
    batch, _, frames, height, width = video
    across, down, along = info.compression
    first = info.padding.frames[1]
    grid = (first + (frames - first) // across, height // down, width // along)
    return (batch, *grid) if info.latent_channels is None else (batch, info.latent_channels, *grid)


def video_shape(info: TokenizerInfo, tokens: Shape) -> Shape:
    """Of the clip B x 3 x T x H x W that tokens of that shape stand for."""
    frames, height, width = tokens[-3:]
    across, down, along = info.compression
    first = info.padding.frames[1]
    return (tokens[0], 3, first + (frames - first) * across, height * down, width * along)


def checked(info: TokenizerInfo, what: str, given: Tensor, expected: Shape) -> Tensor:
    """What a network gave, if it has the shape that it must have.

    Raises:
        ClipError: it has not.
    """
    if tuple(given.shape) != expected:
        raise ClipError(
            f"{info.name}: {what} gave {describe(given)}, expected {' x '.join(map(str, expected))};"
            " pad the clip as its card says, or take the weights of this very tokenizer"
        )
    return given


def bits_of(info: TokenizerInfo, tokens: Shape) -> float:
    """Nominal bits of all tokens."""
    assert info.bits_per_pixel is not None
    each = info.bits_per_pixel * math.prod(info.compression)
    return each * tokens[0] * math.prod(tokens[-3:])


def describe(value: Any) -> str:
    """Its shape, or its type where it is no tensor."""
    return " x ".join(map(str, value.shape)) if hasattr(value, "shape") else f"a {type(value).__name__}"
