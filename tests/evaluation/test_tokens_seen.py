"""Tokens that are seen on their way through a tokenizer."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from cosmos_support import small_card
from numpy.typing import NDArray

from tokenbench import TokenizerInfo, Tokens, load_tokenizer
from tokenbench.errors import ClipError
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.streams import open_stream, sees_tokens
from tokenbench.evaluation.windows import Compute
from tokenbench.media.pixels import to_float
from tokenbench.tokenizer import Padding

CPU = Compute(torch.device("cpu"), torch.float32)
Frames = NDArray[np.uint8]

STREAMING = ("haar-4x8x8", "cosmos-cv-4x8x8", "cosmos-dv-8x8x8")


@cache
def tokenizer_named(name: str) -> Any:
    return small_card(name).load(weights="random") if name.startswith("cosmos") else load_tokenizer(name)


class Pairs:
    """Means of two frames, as bare tensors or wrapped."""

    info = TokenizerInfo(name="pairs", kind="continuous", window=4, padding=Padding(frames=(2, 0)))

    def __init__(self, wrapped: bool) -> None:
        self.wrapped = wrapped

    def encode(self, video: torch.Tensor) -> Any:
        data = (video[:, :, ::2] + video[:, :, 1::2]) / 2
        return Tokens(data, 8.0) if self.wrapped else data

    def decode(self, tokens: Any) -> torch.Tensor:
        return (tokens.data if self.wrapped else tokens).repeat_interleave(2, dim=2)


def through(tokenizer: Any, frames: Frames, cuts: tuple[int, ...] = (), **choices: Any) -> tuple[Frames, float | None]:
    stream = open_stream(tokenizer, CPU, fps=25.0, **choices)
    storage = open_storage("none", *frames.shape[1:3], 25.0)
    made = [pair[1] for pair in reconstruct(np.split(frames, cuts), stream, storage)]
    return np.concatenate(made), stream.bits


@pytest.mark.parametrize(("length", "cuts"), [(1, ()), (13, (1, 2, 9)), (16, (4, 8))])
@pytest.mark.parametrize("name", STREAMING)
def test_who_looks_at_a_streams_tokens_changes_no_bit(
    name: str, length: int, cuts: tuple[int, ...], carphone: Frames
) -> None:
    frames = carphone[:length, :30, :41]
    seen: list[torch.Tensor] = []
    tokenizer = tokenizer_named(name)
    made, bits = through(tokenizer, frames, cuts)
    watched, watched_bits = through(tokenizer, frames, cuts, on_tokens=seen.append)
    assert np.array_equal(made, watched)
    assert bits == watched_bits
    assert seen


@pytest.mark.parametrize("name", STREAMING)
def test_a_streams_tokens_are_those_of_the_padded_clip(name: str, carphone: Frames) -> None:
    tokenizer = tokenizer_named(name)
    frames = carphone[:14, :32, :48]
    seen: list[torch.Tensor] = []
    _, bits = through(tokenizer, frames, (2, 11), on_tokens=seen.append)
    padded = np.concatenate([frames, frames[-1:].repeat(3, axis=0)])
    whole = tokenizer.encode(to_float(padded))
    tokens = torch.cat(seen, dim=-3)
    assert tokens.shape == whole.data.shape
    assert bits == whole.bits
    if tokens.is_floating_point():
        assert torch.allclose(tokens.float(), whole.data.float(), atol=1e-4)
    else:
        assert (tokens == whole.data).float().mean() > 0.99


@pytest.mark.parametrize("wrapped", [False, True])
def test_each_windows_tokens_are_seen_bare_and_with_their_padding(wrapped: bool, carphone: Frames) -> None:
    frames = carphone[:7, :16, :24]
    seen: list[torch.Tensor] = []
    made, bits = through(Pairs(wrapped), frames, (3,), on_tokens=seen.append)
    video = to_float(frames[[0, 1, 2, 3, 4, 5, 6, 6]])
    assert [len(tokens[0, 0]) for tokens in seen] == [2, 2]
    assert torch.equal(torch.cat(seen, dim=2), (video[:, :, ::2] + video[:, :, 1::2]) / 2)
    unseen, same_bits = through(Pairs(wrapped), frames, (3,))
    assert (np.array_equal(made, unseen), bits) == (True, same_bits)


def test_tokens_that_are_no_tensors_are_seen_as_they_are(carphone: Frames) -> None:
    seen: list[Any] = []
    through(load_tokenizer("jpeg-q75"), carphone[:2], on_tokens=seen.append)
    assert seen
    assert not isinstance(seen[0], (torch.Tensor, Tokens))


class Whole(Pairs):
    """Streams, but only as a whole."""

    def stream(self, *, fps: float) -> Any:
        return self

    bits = 1.0

    def push(self, video: torch.Tensor) -> torch.Tensor:
        return video

    def flush(self) -> torch.Tensor:
        return torch.empty(1, 3, 0, 1, 1)


@pytest.mark.parametrize(
    ("tokenizer", "seen", "seen_in_windows"),
    [
        (load_tokenizer("haar-4x8x8"), True, True),
        (load_tokenizer("haar-8x8"), True, True),
        (load_tokenizer("identity"), False, True),
        (Pairs(True), True, True),
        (Whole(True), False, True),
    ],
)
def test_tokens_are_seen_where_it_says_so(tokenizer: Any, seen: bool, seen_in_windows: bool, carphone: Frames) -> None:
    assert sees_tokens(tokenizer) == seen
    assert sees_tokens(tokenizer, 4) == seen_in_windows
    for window in (None, 4) if tokenizer.info.modality == "video" else (None,):
        found: list[Any] = []
        through(tokenizer, carphone[:8, :16, :16], window=window, on_tokens=found.append)
        assert bool(found) == sees_tokens(tokenizer, window)


class Half:
    """Two halves that fail as they are told to; the second tells its frames only in the end."""

    info = TokenizerInfo(name="half", kind="continuous")

    def __init__(self, how: str = "", part: str = "") -> None:
        self.how, self.part = how, part

    def stream(self, *, fps: float) -> Any:
        raise AssertionError("the halves are used")

    def encode_stream(self) -> Any:
        return self._stream("encode_stream")

    def decode_stream(self) -> Any:
        return self._stream("decode_stream")

    def _stream(self, part: str) -> Any:
        how = self.how if part == self.part else ""

        class Stream:
            late: torch.Tensor | None = None

            def push(self, values: torch.Tensor) -> Any:
                if how == "raises":
                    raise ValueError("no such luck")
                if how == "late":
                    self.late = values if self.late is None else torch.cat([self.late, values], dim=2)
                    return values[:, :, :0]
                return values.numpy() if how == "array" else values

            def flush(self) -> Any:
                return torch.empty(1, 3, 0, 0, 0) if self.late is None else self.late

        return Stream()


@pytest.mark.parametrize("part", ["encode_stream", "decode_stream"])
@pytest.mark.parametrize(
    ("how", "message"), [("raises", r"\.push raised ValueError: no such luck$"), ("array", r" gave 1 x 3 x 4 x")]
)
def test_the_half_that_fails_is_named(part: str, how: str, message: str, carphone: Frames) -> None:
    with pytest.raises(ClipError, match=rf"half\.{part}{message}"):
        through(Half(how, part), carphone[:4], on_tokens=lambda _: None)


@pytest.mark.parametrize("part", ["encode_stream", "decode_stream", ""])
def test_halves_may_keep_everything_to_the_end(part: str, carphone: Frames) -> None:
    seen: list[torch.Tensor] = []
    made, bits = through(Half("late", part), carphone[:7, :9, :8], (2, 3), on_tokens=seen.append)
    assert np.array_equal(made, carphone[:7, :9, :8])
    assert bits == 16 * made.size == 16 * sum(tokens.numel() for tokens in seen)


@pytest.mark.parametrize("tokenizer", [Half(), Pairs(True)])
def test_a_mistake_of_who_looks_is_not_the_tokenizers(tokenizer: Any, carphone: Frames) -> None:
    def look(tokens: Any) -> None:
        raise KeyError("mistake")

    with pytest.raises(KeyError, match="mistake"):
        through(tokenizer, carphone[:4], on_tokens=look)


def test_tokens_of_an_unknown_vocabulary_leave_the_rate_open(carphone: Frames) -> None:
    class Mute(Half):
        def encode_stream(self) -> Any:
            encoder = super().encode_stream()
            push = encoder.push
            encoder.push = lambda video: push((video * 100).int())
            return encoder

        def decode_stream(self) -> Any:
            decoder = super().decode_stream()
            push = decoder.push
            decoder.push = lambda tokens: push(tokens / 100)
            return decoder

    assert through(Mute(), carphone[:3], on_tokens=lambda _: None)[1] is None
