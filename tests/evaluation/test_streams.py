from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tokenbench import TokenizerInfo, Tokens, load_tokenizer
from tokenbench.errors import ClipError
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.storage import STORAGES, open_storage
from tokenbench.evaluation.streams import open_stream
from tokenbench.evaluation.windows import Compute
from tokenbench.media.pixels import to_float, to_uint8
from tokenbench.registry import registered
from tokenbench.tokenizer import Padding

CPU = Compute(torch.device("cpu"), torch.float32)
Frames = NDArray[np.uint8]

WEIGHTLESS = [name for name, card in registered().items() if card.info.weights == "none"]


class Halves:
    """Averages pairs of frames: what comes out depends on where windows are cut."""

    info = TokenizerInfo(name="halves", kind="continuous", window=4, padding=Padding(frames=(2, 0), size=(4, 4)))

    def encode(self, video: torch.Tensor) -> Tokens:
        assert video.shape[2] % 2 == 0
        assert video.shape[3] % 4 == video.shape[4] % 4 == 0
        return Tokens((video[:, :, ::2] + video[:, :, 1::2]) / 2, bits=8.0 * video.shape[2])

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return tokens.data.repeat_interleave(2, dim=2)


def through(tokenizer: Any, frames: Frames, cuts: list[int], storage: str = "none") -> tuple[Frames, float | None]:
    stream = open_stream(tokenizer, CPU, fps=25.0)
    place = open_storage(storage, *frames.shape[1:3], 25.0)
    pairs = list(reconstruct((part for part in np.split(frames, cuts) if len(part)), stream, place))
    assert np.array_equal(np.concatenate([reference for reference, _ in pairs]), frames)
    return np.concatenate([reconstruction for _, reconstruction in pairs]), stream.bits


@pytest.mark.parametrize("name", WEIGHTLESS)
def test_chunking_changes_nothing(name: str, carphone: Frames) -> None:
    frames = carphone[:, :75, :90]
    whole, bits = through(load_tokenizer(name), frames, [])
    cut, cut_bits = through(load_tokenizer(name), frames, [1, 2, 9, 20])
    assert np.array_equal(whole, cut)
    assert bits == cut_bits


@pytest.mark.parametrize("name", ["haar-4x8x8", "haar-8x8", "jpeg-q75"])
def test_a_stream_equals_one_call_on_the_whole_clip(name: str, carphone: Frames) -> None:
    tokenizer = load_tokenizer(name)
    frames = carphone[:17, :64, :80]
    video = to_float(frames)
    if tokenizer.info.modality == "image":
        whole = tokenizer.reconstruct(video[0].transpose(0, 1)).transpose(0, 1)[None]
    else:
        whole = tokenizer.reconstruct(video)
    assert np.array_equal(through(tokenizer, frames, [3, 4])[0], to_uint8(whole))


def test_windows_are_cut_padded_and_cropped_as_the_card_says(carphone: Frames) -> None:
    frames = carphone[:7, :30, :41]
    out, bits = through(Halves(), frames, [2, 3])
    video = to_float(frames)
    expected = torch.cat(
        [(video[:, :, [0, 0, 2, 2, 4, 4]] + video[:, :, [1, 1, 3, 3, 5, 5]]) / 2, video[:, :, 6:]], dim=2
    )
    assert np.array_equal(out, to_uint8(expected))
    assert bits == 8.0 * (4 + 4), "the padded frame of the last window costs bits too"


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("size", [(144, 176), (75, 91)])
def test_every_storage_gives_back_every_frame(storage: str, size: tuple[int, int], carphone: Frames) -> None:
    frames = carphone[:, : size[0], : size[1]]
    stored, _ = through(load_tokenizer("identity"), frames, [5], storage)
    error = np.abs(stored.astype(int) - frames).mean()
    assert (error == 0) == (storage == "none")
    assert error < 4


class Failing:
    """Fails in the way that it is told to."""

    info = TokenizerInfo(name="failing", kind="continuous")

    def __init__(self, how: str) -> None:
        self.how = how

    def encode(self, video: torch.Tensor) -> torch.Tensor:
        if self.how == "raises":
            raise ValueError("no such luck\nsecond line")
        return video

    def decode(self, tokens: torch.Tensor) -> Any:
        match self.how:
            case "nan":
                return tokens * float("nan")
            case "small":
                return tokens[..., :-2]
            case "short":
                return tokens[:, :, 1:]
            case "array":
                return tokens.numpy()
        return tokens


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raises", r"failing\.encode raised ValueError: no such luck$"),
        ("nan", r"NaN or infinite values"),
        ("small", r"failing\.decode gave 1 x 3 x 17 x 144 x 174 for an input of 1 x 3 x 17 x 144 x 176"),
        ("short", r"failing\.decode gave 1 x 3 x 16 x"),
        ("array", r"expected the same shape"),
    ],
)
def test_what_a_tokenizer_does_wrong_is_named(how: str, message: str, carphone: Frames) -> None:
    with pytest.raises(ClipError, match=message):
        through(Failing(how), carphone, [])


class Careless:
    """A float stream that keeps or invents frames."""

    info = TokenizerInfo(name="careless", kind="continuous")

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.bits = 0.0

    def stream(self, *, fps: float) -> Careless:
        return self

    def push(self, video: torch.Tensor) -> torch.Tensor:
        return video[:, :, : self.frames]

    def flush(self) -> torch.Tensor:
        return torch.empty(1, 3, 0, 1, 1)


def test_a_stream_that_loses_frames_is_caught(carphone: Frames) -> None:
    with pytest.raises(ClipError, match="ends 3 frames early"):
        through(Careless(21), carphone, [])


def test_tokens_that_tell_no_bits_leave_the_rate_open(carphone: Frames) -> None:
    class Mute(Halves):
        def encode(self, video: torch.Tensor) -> Any:
            return super().encode(video).data.to(torch.int32)

        def decode(self, tokens: Any) -> torch.Tensor:
            return tokens.float().repeat_interleave(2, dim=2)

    assert through(Mute(), carphone, [])[1] is None
