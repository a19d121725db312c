"""VideoGPT as a tokenizer: its files, its range, its windows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_support import State, assert_holds, hollow, liven, refusal, save_lightning
from numpy.typing import NDArray

from tokenbench import TokenBenchError
from tokenbench.errors import ClipError
from tokenbench.evaluation.streams import open_stream
from tokenbench.evaluation.windows import Compute
from tokenbench.media.pixels import to_float
from tokenbench.registry import find_card, load_tokenizer
from tokenbench.tokenizer import Tokens
from tokenbench_baselines.videogpt.cards import CARDS
from tokenbench_baselines.videogpt.network import VideoGpt
from tokenbench_baselines.videogpt.tokenizer import VideoGptTokenizer

CARD = find_card("videogpt-4x4x4")


@pytest.fixture(scope="module")
def released() -> State:
    """A full network's tensors, with lively norms."""
    torch.manual_seed(1)
    return dict(liven(VideoGpt((4, 4, 4))).state_dict())


@pytest.fixture(scope="module")
def tokenizer() -> VideoGptTokenizer:
    made = CARD.load(weights="random")
    assert isinstance(made, VideoGptTokenizer)
    return made


def test_a_lightning_checkpoint_loads_whatever_else_it_holds(tmp_path: Path, released: State) -> None:
    path = tmp_path / "kinetics_stride4x4x4.ckpt"
    save_lightning(path, released)
    before = torch.get_rng_state()
    for weights in (path, tmp_path):
        made = CARD.load(weights=str(weights))
        assert isinstance(made, VideoGptTokenizer)
        assert_holds(made.module, released)
    assert torch.equal(torch.get_rng_state(), before)
    assert made.info == CARD.info
    assert not made.module.training
    assert set(made.provenance["weights"]["files"]) == {"kinetics_stride4x4x4.ckpt"}
    half = CARD.load(weights=str(path), dtype=torch.bfloat16)
    assert isinstance(half, VideoGptTokenizer)
    assert {parameter.dtype for parameter in half.module.parameters()} == {torch.bfloat16}
    assert half.module.encoder.res_stack[4].num_batches_tracked.dtype == torch.int64


class Call:
    """Pickled as a call."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


def test_nothing_that_a_checkpoint_calls_is_run(tmp_path: Path, released: State) -> None:
    path, victim = tmp_path / "kinetics.ckpt", tmp_path / "victim"
    victim.mkdir()
    released = hollow(released)
    save_lightning(path, released, hook=Call(shutil.rmtree, victim))
    CARD.load(weights=str(path))
    for call in (Call(Path.rmdir, victim), Call(os.rmdir, str(victim))):
        save_lightning(path, released, hook=call)
        assert "holds more than tensors" in refusal(CARD, path)
    assert victim.exists()


def missing(state: State) -> None:
    del state["decoder.convts.1.convt.bias"]


def unexpected(state: State) -> None:
    state["decoder.convts.2.convt.weight"] = state["decoder.convts.2.convt.bias"] = torch.zeros(3)


def other_shape(state: State) -> None:
    state["codebook.embeddings"] = torch.zeros(1024, 256)


def other_kind(state: State) -> None:
    state["encoder.res_stack.4.num_batches_tracked"] = torch.tensor(1.0)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, "lacks decoder.convts.1.convt.bias;"),
        (unexpected, "holds decoder.convts.2.convt.weight (and 1 more), which this network has not;"),
        (other_shape, "codebook.embeddings is 1024x256 of float32, expected 2048x256 of float32;"),
        (other_kind, "num_batches_tracked is a scalar of float32, expected a scalar of int64;"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, released: State, damage: Callable[[State], None], said: str
) -> None:
    state = hollow(released)
    damage(state)
    save_lightning(tmp_path / "x.ckpt", state)
    message = refusal(CARD, tmp_path / "x.ckpt")
    assert said in message
    assert str(tmp_path / "x.ckpt") in message


def test_a_damaged_file_has_one_line(tmp_path: Path, released: State) -> None:
    path = tmp_path / "x.ckpt"
    save_lightning(path, released)
    path.write_bytes(path.read_bytes()[:100_000])
    assert "(100000 bytes): truncated" in refusal(CARD, path)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.info.name)
def test_missing_weights_say_where_to_get_them_and_how_to_call_them(
    card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(TokenBenchError) as error:
        card.load()
    for part in (card.info.name, str(tmp_path / card.info.name), "drive.google.com/file/d/", ".ckpt", "MIT"):
        assert part in str(error.value)


def test_two_files_are_not_one_network(tmp_path: Path) -> None:
    for name in ("a.ckpt", "b.ckpt"):
        (tmp_path / name).write_bytes(b"x")
    assert "is one file, found a.ckpt, b.ckpt" in refusal(CARD, tmp_path)


def test_random_weights_are_the_same_every_time(tokenizer: VideoGptTokenizer) -> None:
    before = torch.get_rng_state()
    again = load_tokenizer("videogpt-4x4x4", weights="random")
    assert isinstance(again, VideoGptTokenizer)
    assert_holds(again.module, dict(tokenizer.module.state_dict()))
    assert torch.equal(torch.get_rng_state(), before)
    assert again.provenance["weights"] == {"source": "random initialisation"}


def test_the_network_sees_half_the_range(tokenizer: VideoGptTokenizer, carphone: NDArray[np.uint8]) -> None:
    frames = carphone[:4, :16, :24]
    tokens = tokenizer.encode(to_float(frames))
    published = torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 255 - 0.5
    with torch.no_grad():
        assert torch.equal(tokens.data.long(), tokenizer.module.encode(published))
        assert torch.equal(tokenizer.decode(tokens) / 2, tokenizer.module.decode(tokens.data.long()))
    assert tokens.data.shape == (1, 1, 4, 6)
    assert tokens.data.dtype == torch.int32
    assert tokens.bits == 1 * 4 * 6 * 11
    assert tokens.bits == pytest.approx(CARD.info.bits_per_pixel * 4 * 16 * 24)


@pytest.mark.parametrize("name", ["videogpt-4x4x4", "videogpt-2x4x4", "videogpt-4x2x2"])
def test_a_real_clip_of_odd_size_comes_back_in_its_own(name: str, carphone: NDArray[np.uint8]) -> None:
    made = load_tokenizer(name, weights="random")
    stream = open_stream(made, Compute(torch.device("cpu"), torch.float32), fps=30)
    frames = carphone[:18, :21, :30]
    given = np.concatenate([stream.push(frames[:7]), stream.push(frames[7:]), stream.flush()])
    assert given.shape == frames.shape
    t, h, w = made.info.compression
    # A window of 16 frames and one of 2, which is padded to the multiple.
    assert stream.bits == (16 + -(-2 // t) * t) // t * -(-21 // h) * -(-30 // w) * 11


def test_clips_of_a_batch_do_not_see_each_other(tokenizer: VideoGptTokenizer) -> None:
    torch.manual_seed(0)
    video = torch.rand(2, 3, 4, 8, 12) * 2 - 1
    together, alone = tokenizer.encode(video), tokenizer.encode(video[1:])
    assert torch.equal(together.data[1:], alone.data)
    torch.testing.assert_close(tokenizer.decode(together)[1:], tokenizer.decode(alone), rtol=0, atol=1e-5)
    assert torch.equal(tokenizer.encode(video).data, together.data)


def test_early_features_see_late_frames(tokenizer: VideoGptTokenizer) -> None:
    torch.manual_seed(0)
    video = torch.rand(1, 3, 12, 8, 8) - 0.5
    changed = video.clone()
    changed[:, :, -1] = 0.5
    with torch.no_grad():
        first, second = (tokenizer.module.encoder(clip)[:, :, 0] for clip in (video, changed))
    assert (first - second).abs().max() > 1e-6


def test_what_the_network_does_not_take_is_refused(tokenizer: VideoGptTokenizer) -> None:
    with pytest.raises(ClipError, match="must be multiples of 4 x 4 x 4, got 1 x 3 x 5 x 8 x 8"):
        tokenizer.encode(torch.zeros(1, 3, 5, 8, 8))
    with pytest.raises(TokenBenchError, match="takes B x 3 x T x H x W"):
        tokenizer.encode(torch.zeros(1, 3, 8, 8))
    with pytest.raises(TokenBenchError, match="codes 0 to 2047, got 0 to 2048"):
        tokenizer.decode(Tokens(torch.tensor([0, 2048]).view(1, 1, 1, 2), None))
    with pytest.raises(TokenBenchError, match="decodes whole numbers B x t x h x w, got 1 x 1 x 2"):
        tokenizer.decode(Tokens(torch.zeros(1, 1, 2), None))
