from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tokenbench import TokenizerInfo, Tokens, load_tokenizer
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.storage import STORAGES, open_storage
from tokenbench.evaluation.streams import open_stream, streams_itself, window_used
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


def through(
    tokenizer: Any, frames: Frames, cuts: list[int], storage: str = "none", window: int | None = None
) -> tuple[Frames, float | None]:
    stream = open_stream(tokenizer, CPU, fps=25.0, window=window)
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


def test_a_window_on_request_cuts_even_a_stream(carphone: Frames) -> None:
    tokenizer = load_tokenizer("haar-4x8x8")
    frames = carphone[:19, :64, :80]
    # Copies of a window's last frame make it 1 + 4 k long.
    windows = [frames[start : start + 8] for start in (0, 8, 16)]
    padded = [
        torch.cat([video, video[:, :, -1:].expand(-1, -1, -(video.shape[2] - 1) % 4, -1, -1)], dim=2)
        for video in map(to_float, windows)
    ]
    expected = [
        to_uint8(tokenizer.reconstruct(video))[: len(part)] for video, part in zip(padded, windows, strict=True)
    ]
    out, bits = through(tokenizer, frames, [3, 12], window=8)
    assert np.array_equal(out, np.concatenate(expected))
    assert bits == 16 * 16 * (3 + 3 + 2) * 8 * 10
    assert not np.array_equal(out, through(tokenizer, frames, [])[0])


@pytest.mark.parametrize("name", ["identity", "h264-crf23"])
def test_a_window_on_request_goes_past_a_stream_of_8_bit_frames(name: str, carphone: Frames) -> None:
    tokenizer = load_tokenizer(name)
    whole, bits = through(tokenizer, carphone, [5], window=9)
    parts = [through(tokenizer, part, []) for part in np.split(carphone, [9, 18])]
    assert bits == sum(bits for _, bits in parts if bits)
    assert np.array_equal(whole, np.concatenate([frames for frames, _ in parts]))


def test_what_is_used_can_be_asked() -> None:
    haar = load_tokenizer("haar-4x8x8")
    assert (streams_itself(haar), window_used(haar)) == (True, None)
    assert (streams_itself(haar, 9), window_used(haar, 9)) == (False, 9)
    assert (streams_itself(Halves()), window_used(Halves())) == (False, 4)
    image = load_tokenizer("haar-8x8")
    assert (streams_itself(image), window_used(image)) == (False, 1)
    with pytest.raises(TokenBenchError, match="--window does not apply"):
        window_used(image, 9)


def test_codes_of_a_known_vocabulary_have_a_rate(carphone: Frames) -> None:
    class Coded(Halves):
        info = TokenizerInfo(name="coded", kind="discrete", window=4, vocabulary=1024)

        def encode(self, video: torch.Tensor) -> Any:
            return (video[:, 0] * 100).long()

        def decode(self, tokens: Any) -> torch.Tensor:
            return (tokens / 100).unsqueeze(1).expand(-1, 3, -1, -1, -1)

    assert through(Coded(), carphone[:6, :16, :16], [])[1] == 10 * 6 * 16 * 16


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
    """A float stream that gives each frame so many times."""

    info = TokenizerInfo(name="careless", kind="continuous", padding=Padding(frames=(16, 1)))

    def __init__(self, times: list[int]) -> None:
        self.times = torch.tensor(times)
        self.bits = 0.0

    def stream(self, *, fps: float) -> Careless:
        return self

    def push(self, video: torch.Tensor) -> torch.Tensor:
        times, self.times = self.times[: video.shape[2]], self.times[video.shape[2] :]
        return video.repeat_interleave(times, dim=2)

    def flush(self) -> torch.Tensor:
        return torch.empty(1, 3, 0, 1, 1)


def test_frames_of_the_padding_do_not_hide_those_that_a_stream_loses_or_invents(carphone: Frames) -> None:
    out, _ = through(Careless([1] * 33), carphone, [5])
    assert np.array_equal(out, carphone)
    with pytest.raises(ClipError, match=r"careless\.stream gave 30 frames for 33; it must give as many"):
        through(Careless([0] * 3 + [1] * 30), carphone, [5])
    with pytest.raises(ClipError, match=r"careless\.stream gave 34 frames for 33"):
        through(Careless([2] + [1] * 32), carphone, [5])


class CarelessFrames:
    """An 8-bit stream that loses or invents frames."""

    info = TokenizerInfo(name="careless", kind="codec")
    bits = 0.0

    def __init__(self, times: list[int]) -> None:
        self.times = times

    def frame_stream(self, *, fps: float) -> CarelessFrames:
        return self

    def push(self, frames: Frames) -> Frames:
        return np.repeat(frames, self.times, axis=0)

    def flush(self) -> Frames:
        return np.empty((0, 144, 176, 3), np.uint8)


def test_a_stream_of_8_bit_frames_that_loses_or_invents_frames_is_caught(carphone: Frames) -> None:
    with pytest.raises(ClipError, match="ends 3 frames early"):
        through(CarelessFrames([0] * 3 + [1] * 21), carphone, [])
    with pytest.raises(ClipError, match="1 frames too long"):
        through(CarelessFrames([2] + [1] * 23), carphone, [])


def test_tokens_that_tell_no_bits_leave_the_rate_open(carphone: Frames) -> None:
    class Mute(Halves):
        def encode(self, video: torch.Tensor) -> Any:
            return super().encode(video).data.to(torch.int32)

        def decode(self, tokens: Any) -> torch.Tensor:
            return tokens.float().repeat_interleave(2, dim=2)

    assert through(Mute(), carphone, [])[1] is None
