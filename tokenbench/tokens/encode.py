"""Clips to tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.guard import describe, guarded, provenance_of
from tokenbench.evaluation.padding import Margins, StreamPadding
from tokenbench.evaluation.windows import Compute, WindowCutter, bits_of, encode_window, refuse_window, window_margins
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.pixels import to_float
from tokenbench.media.prefetch import prefetch
from tokenbench.tokenizer import Tokenizer, Tokens
from tokenbench.tokens.header import (
    Groups,
    Header,
    PaddingSection,
    ProtocolSection,
    SourceSection,
    TokenizerSection,
)
from tokenbench.tokens.tape import Tape

Frames = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How clips become tokens.

    Args:
        name: of the tokenizer, as `load_tokenizer` took it.
        tokenizer: on `compute.device`.
        compute: device and dtype.
        settings: that it was loaded with.
        frames: only the first so many of each clip.
        window: cut clips into independent windows of so many frames; None takes the tokenizer's own stream where it
            has one, else the window of its card.

    Raises:
        TokenBenchError: the tokenizer has no tokens to keep, or the window does not apply to it.
    """

    name: str
    tokenizer: Tokenizer
    compute: Compute
    settings: Mapping[str, Any] = field(default_factory=dict)
    frames: int | None = None
    window: int | None = None

    def __post_init__(self) -> None:
        info = self.tokenizer.info
        if info.kind == "codec" or hasattr(self.tokenizer, "frame_stream"):
            raise TokenBenchError(
                f"{info.name} works on 8-bit frames and writes no tokens (a codec has its own bitstream); "
                "choose a continuous or discrete tokenizer"
            )
        refuse_window(info, self.window)

    @property
    def streaming(self) -> bool:
        """Whether clips go through the tokenizer's own stream."""
        return self.window is None and hasattr(self.tokenizer, "encode_stream")

    @property
    def section(self) -> TokenizerSection:
        """What token files say of the tokenizer."""
        return tokenizer_section(self.name, self.tokenizer, self.compute, self.settings)

    @property
    def protocol(self) -> ProtocolSection:
        """What token files say of the request."""
        return ProtocolSection(frames=self.frames, window=self.window)


def tokenizer_section(
    name: str, tokenizer: Tokenizer, compute: Compute, settings: Mapping[str, Any]
) -> TokenizerSection:
    """A loaded tokenizer as token files describe it."""
    info = tokenizer.info
    return TokenizerSection(
        name=name,
        kind=info.kind,
        modality=info.modality,
        compression=info.compression,
        latent_channels=info.latent_channels,
        vocabulary=info.vocabulary,
        settings=dict(settings),
        weights_sha256=getattr(tokenizer, "weights_sha256", None),
        provenance=provenance_of(tokenizer),
        dtype=str(compute.dtype).removeprefix("torch."),
    )


def tokenize_clip(
    clip: Clip, encoding: Encoding, *, source_sha256: str = "", observe: Callable[[Frames], None] | None = None
) -> tuple[Tensor, Header]:
    """Encode a clip, chunk by chunk.

    Args:
        clip: with its size and rate known (`Clip.probed`).
        encoding: how.
        source_sha256: digest of the clip's file, for the header.
        observe: sees every chunk that was read.

    Returns:
        The tokens on the CPU, `C x t x h x w` or `t x h x w`, and the header that `write_tokens` takes.

    Raises:
        ClipError: the clip cannot be read, or the tokenizer fails on it.
    """
    encode = _stream_parts if encoding.streaming else _window_parts
    size = chunk_frames(clip.height, clip.width)
    parts: list[_Part] = []
    tape = Tape()
    with closing(prefetch(clip.chunks(size, frames=encoding.frames))) as chunks:
        for part in encode(encoding, _watched(chunks, observe)):
            part = _checked(part, encoding.tokenizer)
            if part.latents:
                tape.append(part.tokens)
            parts.append(replace(part, tokens=None))
    if (tokens := tape.tensor()) is None:
        raise ClipError(f"{encoding.tokenizer.info.name} gave no tokens for {clip.path}")
    return tokens, _header(clip, encoding, source_sha256, parts, tokens)


@dataclass(frozen=True)
class _Part:
    """What came of one call; `tokens` as the tokenizer gave them, then as files hold them, then no more."""

    tokens: Any
    frames: int
    margins: Margins
    bits: float | None = None
    wrapped: bool = False
    latents: int = 0


def _stream_parts(encoding: Encoding, chunks: Iterable[Frames]) -> Iterator[_Part]:
    tokenizer, name = encoding.tokenizer, f"{encoding.tokenizer.info.name}.encode_stream"
    encoder = tokenizer.encode_stream()  # type: ignore[attr-defined]  # optional in the contract
    padding = StreamPadding(tokenizer.info.padding)
    for chunk in chunks:
        padded = padding.push(to_float(chunk, *encoding.compute))
        yield _Part(guarded(f"{name}.push", encoder.push, padded), len(chunk), padding.margins)
    if (missing := padding.flush()) is not None:
        margins = replace(padding.margins, time=(0, missing.shape[2]))
        yield _Part(guarded(f"{name}.push", encoder.push, missing), 0, margins)
    yield _Part(guarded(f"{name}.flush", encoder.flush), 0, padding.margins)


def _window_parts(encoding: Encoding, chunks: Iterable[Frames]) -> Iterator[_Part]:
    cutter = WindowCutter(encoding.window or encoding.tokenizer.info.window)
    for chunk in chunks:
        yield from (_window_part(encoding, window) for window in cutter.push(chunk))
    yield from (_window_part(encoding, window) for window in cutter.flush())


def _window_part(encoding: Encoding, window: Frames) -> _Part:
    video = to_float(window, *encoding.compute)
    tokens = encode_window(encoding.tokenizer, video)
    return _Part(tokens, len(window), window_margins(encoding.tokenizer, video))


def _checked(part: _Part, tokenizer: Tokenizer) -> _Part:
    """The part with its tokens as files hold them: without batch axis.

    Raises:
        ClipError: these are no tokens of such a tokenizer.
    """
    info = tokenizer.info
    wrapped = isinstance(part.tokens, Tokens)
    tokens = part.tokens.data if wrapped else part.tokens
    discrete, image = info.kind == "discrete", info.modality == "image"
    axes = 5 - discrete - image
    if not isinstance(tokens, Tensor) or tokens.dim() != axes or tokens.is_floating_point() == discrete:
        layout = "int B x t x h x w" if discrete else "float B x C x t x h x w"
        raise ClipError(f"{info.name} encodes to {describe(tokens)}, expected {layout}{' without t' if image else ''}")
    bits = bits_of(part.tokens, info)
    if not image:
        tokens = tokens[0]
    elif not discrete:
        tokens = tokens.transpose(0, 1)
    _refuse_invalid(tokens, tokenizer)
    latents = tokens.shape[-3] if tokens.numel() else 0
    return replace(part, tokens=tokens, bits=bits, wrapped=wrapped, latents=latents)


def _refuse_invalid(tokens: Tensor, tokenizer: Tokenizer) -> None:
    info = tokenizer.info
    if tokens.is_floating_point():
        if broken := int((~tokens.isfinite()).sum()):
            raise ClipError(f"{info.name}: {broken} NaN or infinite values of {tokens.numel()} in the tokens")
    elif tokens.numel() and info.vocabulary:
        low, high = int(tokens.min()), int(tokens.max())
        if not 0 <= low <= high < info.vocabulary:
            raise ClipError(f"{info.name} gave codes from {low} to {high}; its vocabulary is {info.vocabulary}")


def _watched(chunks: Iterable[Frames], observe: Callable[[Frames], None] | None) -> Iterator[Frames]:
    for chunk in chunks:
        yield chunk
        if observe:
            observe(chunk)


def _header(clip: Clip, encoding: Encoding, digest: str, parts: list[_Part], tokens: Tensor) -> Header:
    info = encoding.tokenizer.info
    frames = sum(part.frames for part in parts)
    counted = [part.bits for part in parts]
    bits = None if None in counted else sum(counted)  # type: ignore[arg-type]  # mypy does not see the check
    window = 1 if info.modality == "image" else encoding.window or info.window
    return Header(
        tokenizer=encoding.section,
        source=SourceSection(file=clip.path.name, sha256=digest, kind=clip.kind),
        protocol=encoding.protocol,
        frames=frames,
        fps=clip.fps,
        height=clip.height,
        width=clip.width,
        padding=PaddingSection(height=parts[0].margins.height, width=parts[0].margins.width, space=info.padding.space),
        streaming=encoding.streaming,
        window=None if encoding.streaming else window,
        groups=Groups(
            frames=tuple(part.frames for part in parts),
            latents=tuple(part.latents for part in parts),
            front=tuple(part.margins.time[0] for part in parts),
            back=tuple(part.margins.time[1] for part in parts),
        ),
        dtype=str(tokens.dtype).removeprefix("torch."),
        wrapped=parts[0].wrapped,
        bits=bits,
        bits_per_pixel=None if bits is None else bits / (frames * clip.height * clip.width),
    )
