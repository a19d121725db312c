"""Frames that stay where the tokenizer runs, and those that are not quantised. A CPU's tensors stand for a GPU's."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from cosmos_support import small_card
from numpy.typing import NDArray

from tokenbench import TokenizerInfo, load_tokenizer
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.storage import STORAGES, open_storage
from tokenbench.evaluation.streams import open_stream, refuse_float_frames
from tokenbench.evaluation.windows import Compute
from tokenbench.media.pixels import Quantisation, quantise, to_float
from tokenbench.metrics import PixelScores

CPU = Compute(torch.device("cpu"), torch.float32)
CUDA = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
)
Frames = NDArray[np.uint8]


class Dimmed:
    """Loses a little, in windows of four frames."""

    info = TokenizerInfo(name="dimmed", kind="continuous", window=4)

    def encode(self, video: torch.Tensor) -> torch.Tensor:
        return video * 0.987

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens


@cache
def tokenizer_named(name: str, device: str = "cpu") -> Any:
    if name == "dimmed":
        return Dimmed()
    if name.startswith("cosmos"):
        return small_card(name).load(weights="random", device=device)
    return load_tokenizer(name, device=device)


NAMES = ("dimmed", "haar-4x8x8", "haar-8x8", "cosmos-cv-4x8x8")


def pairs_of(
    tokenizer: Any, frames: Frames, cuts: tuple[int, ...] = (), storage: str = "none", **choices: Any
) -> list[tuple[Any, Any]]:
    stream = open_stream(tokenizer, choices.pop("compute", CPU), fps=25.0, **choices)
    place = open_storage(storage, *frames.shape[1:3], 25.0)
    return list(reconstruct(np.split(frames, cuts), stream, place))


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("name", NAMES)
def test_frames_that_stay_are_those_that_come_back(name: str, device: str, carphone: Frames) -> None:
    frames = carphone[:11, :30, :41]
    compute = Compute(torch.device(device), torch.float32)
    back, stayed = (
        pairs_of(tokenizer_named(name, device), frames, (1, 7), compute=compute, on_device=on_device)
        for on_device in (False, True)
    )
    assert len(back) == len(stayed)
    for arrays, tensors in zip(back, stayed, strict=True):
        for array, tensor in zip(arrays, tensors, strict=True):
            assert isinstance(array, np.ndarray)
            assert (tensor.dtype, tensor.device.type) == (torch.uint8, device)
            assert np.array_equal(tensor.cpu(), array)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("name", NAMES)
def test_scores_on_the_device_are_those_on_the_cpu(name: str, device: str, carphone: Frames) -> None:
    compute = Compute(torch.device(device), torch.float32)
    scores = [PixelScores(), PixelScores()]
    for on_device, clip_scores in enumerate(scores):
        tokenizer = tokenizer_named(name, device)
        for pair in pairs_of(tokenizer, carphone[:9, :48, :64], (4,), compute=compute, on_device=bool(on_device)):
            clip_scores.update(*pair)
    assert scores[0] == scores[1]
    assert scores[0].frames == 9


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_chunks_without_a_frame_are_of_the_same_kind(name: str, on_device: bool, carphone: Frames) -> None:
    stream = open_stream(tokenizer_named(name), CPU, fps=25.0, on_device=on_device)
    for given in (stream.push(carphone[:1, :32, :48]), stream.flush(), stream.flush()):
        assert isinstance(given, torch.Tensor if on_device else np.ndarray)
        assert str(given.dtype).endswith("uint8")
        assert given.shape[-1] == 3


@pytest.mark.filterwarnings("error")
def test_a_reference_is_moved_once_a_chunk_whatever_its_memory(
    carphone: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FrameByFrame:
        """Lags by two frames, and gives one or two tensors' worth at a time."""

        bits = None

        def __init__(self) -> None:
            self.waiting: list[Frames] = []

        def push(self, frames: Frames) -> Any:
            self.waiting += list(frames)
            return self.give(len(self.waiting) - 2)

        def flush(self) -> Any:
            return self.give(len(self.waiting))

        def give(self, count: int) -> torch.Tensor:
            given, self.waiting = self.waiting[: max(0, count)], self.waiting[max(0, count) :]
            return torch.tensor(np.array(given, np.uint8).reshape(len(given), 144, 176, 3))

    moved = []
    to = torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda array: (moved.append(len(array)), to(array))[1])
    clip = carphone[:, ::-1]
    clip.flags.writeable = False
    lengths = (3, 1, 1, 7, 4, 8)
    cuts = np.cumsum((0, *lengths))
    chunks = [clip[start:stop] for start, stop in pairwise(cuts)]
    pairs = list(reconstruct(chunks, FrameByFrame(), open_storage("none", 144, 176, 25)))
    assert moved == list(lengths)
    assert all(torch.equal(*pair) for pair in pairs)
    assert np.array_equal(torch.cat([reference for reference, _ in pairs]), clip)


@pytest.mark.parametrize("storage", STORAGES)
def test_every_storage_takes_frames_from_the_device(storage: str, carphone: Frames) -> None:
    here, there = (pairs_of(Dimmed(), carphone[:9], (5,), storage, on_device=on_device) for on_device in (False, True))
    for pair, other in zip(here, there, strict=True):
        assert all(isinstance(side, np.ndarray) == (storage != "none") for side in other)
        assert all(np.array_equal(side, np.asarray(same)) for side, same in zip(pair, other, strict=True))


def test_codecs_give_arrays_wherever_frames_are_to_stay(carphone: Frames) -> None:
    for side in pairs_of(load_tokenizer("identity"), carphone[:3], on_device=True)[0]:
        assert isinstance(side, np.ndarray)


@pytest.mark.parametrize("how", ["round", "truncate", "none"])
@pytest.mark.parametrize("name", ["dimmed", "haar-4x8x8", "haar-8x8"])
def test_the_quantisation_is_the_one_that_is_chosen(name: str, how: Quantisation, carphone: Frames) -> None:
    frames = carphone[:5, :32, :48]
    tokenizer = tokenizer_named(name)
    made = np.concatenate([pair[1] for pair in pairs_of(tokenizer, frames, (1,), quantisation=how)])
    if name == "dimmed":
        whole = tokenizer.decode(tokenizer.encode(to_float(frames)))
        assert np.array_equal(made, quantise(whole, how))
    assert made.dtype == (np.float32 if how == "none" else np.uint8)
    unrounded = np.concatenate([pair[1] for pair in pairs_of(tokenizer, frames, (1,), quantisation="none")])
    expected = {"round": np.floor(unrounded + np.float32(0.5)), "truncate": np.floor(unrounded), "none": unrounded}
    assert np.array_equal(made, expected[how])


@pytest.mark.parametrize("storage", [name for name in STORAGES if name != "none"])
def test_no_storage_takes_frames_that_are_not_quantised(storage: str, carphone: Frames) -> None:
    with pytest.raises(TokenBenchError, match=f"cannot go through the storage {storage}, which takes 8 bits"):
        refuse_float_frames(Dimmed(), "none", storage=storage)
    with pytest.raises(TokenBenchError, match=f"the storage {storage} takes 8-bit frames, got float32"):
        pairs_of(Dimmed(), carphone[:4], storage=storage, quantisation="none")
    refuse_float_frames(Dimmed(), "truncate", storage=storage)


def test_streams_of_8_bit_frames_have_none_that_are_not_quantised(carphone: Frames) -> None:
    identity = load_tokenizer("identity")
    with pytest.raises(TokenBenchError, match="identity gives 8-bit frames, so it has none that are not quantised"):
        open_stream(identity, CPU, fps=25.0, quantisation="none")
    made = [pair[1] for pair in pairs_of(identity, carphone[:4], quantisation="none", window=4)]
    assert np.allclose(np.concatenate(made), carphone[:4], atol=1e-4)
    assert np.array_equal(pairs_of(identity, carphone[:4], quantisation="truncate")[0][1], carphone[:4])
