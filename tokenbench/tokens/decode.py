"""Tokens back to frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.guard import describe, guarded
from tokenbench.evaluation.padding import Margins, crop_margins
from tokenbench.evaluation.windows import Compute, decode_window
from tokenbench.media.pixels import to_uint8
from tokenbench.tokenizer import Tokenizer, Tokens
from tokenbench.tokens.files import TokenFile
from tokenbench.tokens.header import Header

Frames = NDArray[np.uint8]


def detokenize_clip(file: TokenFile, tokenizer: Tokenizer, compute: Compute) -> Generator[Frames, None, None]:
    """Decode a token file, group by group as it was encoded, in memory that does not grow with its length.

    Args:
        file: from `open_tokens`.
        tokenizer: the one that made the tokens, on `compute.device`.
        compute: device and dtype.

    Yields:
        uint8 T x H x W x 3, T >= 1; all together the clip's frames.

    Raises:
        TokenBenchError: the tokenizer is of another kind than the one that made the tokens.
        ClipError: it fails, or gives too few frames.
    """
    refuse_other_tokenizer(file, tokenizer)
    decode = _stream_frames if file.header.streaming else _window_frames
    given = 0
    for video in decode(file, tokenizer, compute):
        # Frames of the padding come last.
        wanted = video[:, :, : file.header.frames - given]
        given += wanted.shape[2]
        if wanted.shape[2]:
            yield to_uint8(wanted)
    if given < file.header.frames:
        raise ClipError(f"{tokenizer.info.name} gave {given} frames for the tokens of {file.header.frames}")


def refuse_other_tokenizer(file: TokenFile, tokenizer: Tokenizer) -> None:
    """Tokens make sense to one tokenizer only.

    Raises:
        TokenBenchError: names what differs.
    """
    recorded = file.header.tokenizer
    for name in ("kind", "modality", "compression", "latent_channels", "vocabulary"):
        wanted, found = getattr(recorded, name), getattr(tokenizer.info, name)
        if wanted != found:
            raise TokenBenchError(
                f"{file.path}: its tokens are of {recorded.name}, whose {name} is {wanted}; "
                f"that of {tokenizer.info.name} is {found}: choose another --tokenizer"
            )
    if file.header.streaming and not hasattr(tokenizer, "decode_stream"):
        raise TokenBenchError(
            f"{file.path}: its tokens are one stream, which {tokenizer.info.name} cannot decode (it has no "
            "decode_stream); encode the clip again with --window"
        )


def _stream_frames(file: TokenFile, tokenizer: Tokenizer, compute: Compute) -> Iterator[Tensor]:
    name, header = f"{tokenizer.info.name}.decode_stream", file.header
    decoder = tokenizer.decode_stream()  # type: ignore[attr-defined]  # optional in the contract
    for _, tokens, _ in _groups(file, compute):
        yield _cropped(guarded(f"{name}.push", decoder.push, tokens[None]), name, header)
    yield _cropped(guarded(f"{name}.flush", decoder.flush), name, header)


def _window_frames(file: TokenFile, tokenizer: Tokenizer, compute: Compute) -> Iterator[Tensor]:
    header = file.header
    for frames, tokens, time in _groups(file, compute):
        if tokenizer.info.modality == "video":
            tokens = tokens[None]
        elif tokenizer.info.kind == "continuous":
            tokens = tokens.transpose(0, 1)
        given = Tokens(tokens, None) if header.wrapped else tokens
        margins = Margins(time=time, height=header.padding.height, width=header.padding.width)
        yield decode_window(tokenizer, given, (frames, header.height, header.width), margins)


def _groups(file: TokenFile, compute: Compute) -> Iterator[tuple[int, Tensor, tuple[int, int]]]:
    """Frames, tokens and margins along time of every group that has tokens."""
    groups, start = file.header.groups, 0
    for frames, latents, *time in zip(groups.frames, groups.latents, groups.front, groups.back, strict=True):
        if latents:
            yield frames, file.latents(start, start + latents).to(compute.device), (time[0], time[1])
        start += latents


def _cropped(video: object, name: str, header: Header) -> Tensor:
    """A stream's frames in the clip's own size."""
    if not isinstance(video, Tensor) or video.dim() != 5:
        raise ClipError(f"{name} gave {describe(video)}, expected 1 x 3 x T x H x W")
    if not video.numel():
        return video.new_empty(1, 3, 0, header.height, header.width)
    padding = header.padding
    cropped = crop_margins(video, Margins(height=padding.height, width=padding.width))
    if cropped.shape[3:] != (header.height, header.width):
        raise ClipError(
            f"{name} gave {describe(video)}, which is not {header.height} x {header.width} with its padding"
        )
    return cropped
