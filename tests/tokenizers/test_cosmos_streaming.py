"""A clip that passes chunk by chunk has the result of one pass over the whole clip."""

import gc
import random
import resource
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from cosmos_support import VIDEO_NAMES, pixels_for, relative_error, small_card, small_network
from torch import Tensor

from tokenbench.errors import ClipError
from tokenbench_cosmos import streaming
from tokenbench_cosmos.past import Past
from tokenbench_cosmos.streaming import DecodeStream, EncodeStream

ALL_VIDEO = [*VIDEO_NAMES, "cosmos-tokenize1-cv-4x8x8-360p", "cosmos-tokenize1-dv-4x8x8-360p"]


def cut(total: int, seed: int, longest: int) -> list[int]:
    """Random lengths that add up."""
    generator = random.Random(seed)
    lengths: list[int] = []
    while sum(lengths) < total:
        lengths.append(min(generator.randint(1, longest), total - sum(lengths)))
    return lengths


def encode_in(module: torch.nn.Module, clip: Tensor, lengths: list[int], axis: int) -> Tensor:
    stream = EncodeStream(module)  # type: ignore[arg-type]
    parts = [stream.push(part) for part in clip.split(lengths, dim=2)]
    return torch.cat([*parts, stream.flush()], dim=axis)


def decode_in(module: torch.nn.Module, tokens: Tensor, lengths: list[int], axis: int) -> Tensor:
    stream = DecodeStream(module)  # type: ignore[arg-type]
    parts = [stream.push(part) for part in tokens.split(lengths, dim=axis)]
    return torch.cat([*parts, stream.flush()], dim=2)


@pytest.mark.parametrize("name", ALL_VIDEO)
def test_any_chunks_give_the_result_of_one_pass(name: str) -> None:
    module = small_network(name)
    clip = pixels_for(module.config, groups=5, height=1, width=2)
    axis = 1 if module.config.fsq_levels else 2
    tokens = module.encode(clip)
    video = module.decode(tokens)
    for seed in range(3):
        streamed = encode_in(module, clip, cut(clip.shape[2], seed, 11), axis)
        if module.config.fsq_levels:
            assert torch.equal(streamed, tokens)
        else:
            assert relative_error(streamed, tokens) < 1e-5
        assert relative_error(decode_in(module, tokens, cut(6, seed, 3), axis), video) < 1e-5


@pytest.mark.parametrize("name", ALL_VIDEO)
def test_one_frame_and_one_token_at_a_time(name: str) -> None:
    module = small_network(name)
    clip = pixels_for(module.config, groups=3, height=2, width=1)
    axis = 1 if module.config.fsq_levels else 2
    tokens = module.encode(clip)
    streamed = encode_in(module, clip, [1] * clip.shape[2], axis)
    assert streamed.shape == tokens.shape
    assert relative_error(streamed.float(), tokens.float()) < 1e-5
    assert relative_error(decode_in(module, tokens, [1] * 4, axis), module.decode(tokens)) < 1e-5


def test_a_batch_streams_too() -> None:
    module = small_network("cosmos-cv-8x8x8")
    clip = pixels_for(module.config, groups=2, batch=2)
    assert relative_error(encode_in(module, clip, [4, 9, 4], 2), module.encode(clip)) < 1e-5


def test_long_clips_pass_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = small_card("cosmos-cv-4x8x8").load(weights="random")
    clip = pixels_for(tokenizer.module.config, groups=6)  # type: ignore[attr-defined]
    whole = tokenizer.encode(clip).data
    video = tokenizer.reconstruct(clip)
    monkeypatch.setattr(streaming, "PIXELS_AT_ONCE", 1)
    assert relative_error(tokenizer.encode(clip).data, whole) < 1e-5
    assert relative_error(tokenizer.reconstruct(clip), video) < 1e-5


def test_frames_wait_until_their_token_is_complete() -> None:
    tokenizer = small_card("cosmos-cv-8x8x8").load(weights="random")
    stream = tokenizer.stream(fps=25.0)  # type: ignore[attr-defined]
    clip = torch.rand(1, 3, 17, 16, 8)
    given = [stream.push(part).shape[2] for part in clip.split([1, 3, 5, 7, 1], dim=2)]
    assert given == [1, 0, 8, 0, 8]
    assert stream.flush().shape == (1, 3, 0, 16, 8)
    assert stream.bits == 16 * 16 * 3 * 2 * 1


def test_stream_equals_the_call_on_the_whole_clip() -> None:
    for name in ("cosmos-cv-4x8x8", "cosmos-dv-4x8x8"):
        tokenizer = small_card(name).load(weights="random")
        clip = torch.rand(1, 3, 13, 16, 24) * 2 - 1
        stream = tokenizer.stream(fps=25.0)  # type: ignore[attr-defined]
        streamed = torch.cat([*(stream.push(part) for part in clip.split(3, dim=2)), stream.flush()], dim=2)
        assert relative_error(streamed, tokenizer.reconstruct(clip)) < 1e-5
        assert stream.bits == tokenizer.encode(clip).bits


def test_clip_that_ends_within_a_token_is_refused() -> None:
    module = small_network("cosmos-cv-8x8x8")
    stream = EncodeStream(module)
    with pytest.raises(ClipError, match="no frames"):
        stream.flush()
    stream.push(torch.zeros(1, 3, 12, 8, 8))
    with pytest.raises(ClipError, match="ends 5 frames before its last token is complete; pad it"):
        stream.flush()


def test_frames_that_change_size_are_refused() -> None:
    stream = EncodeStream(small_network("cosmos-cv-8x8x8"))
    stream.push(torch.zeros(1, 3, 1, 16, 8))
    with pytest.raises(ClipError, match="change from"):
        stream.push(torch.zeros(1, 3, 1, 8, 8))


def test_only_the_attentions_memory_grows_with_the_clip() -> None:
    module = small_network("cosmos-cv-8x8x8")
    channels = module.config.widths[-1]
    encoder, decoder = Past(), Past()
    held = []
    for count in range(6):
        tokens = module.encode(torch.rand(1, 3, 8 if count else 1, 16, 24), encoder)
        module.decode(tokens, decoder)
        held.append((encoder.nbytes, decoder.nbytes))
    growth = {(later[0] - sooner[0], later[1] - sooner[1]) for sooner, later in pairwise(held[2:])}
    a_token = channels * (2 * 3) * 4
    assert growth == {(a_token, a_token)}, "the attention's input at one token's positions, float32"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_memory_of_the_process_stays_flat_over_600_frames() -> None:
    tokenizer = small_card("cosmos-cv-8x8x8").load(weights="random")
    stream = tokenizer.stream(fps=25.0)  # type: ignore[attr-defined]
    chunk = torch.rand(1, 3, 8, 128, 128) * 2 - 1
    stream.push(chunk[:, :, :1])
    for _ in range(10):
        stream.push(chunk)
    before = resident_bytes()
    for _ in range(64):
        stream.push(chunk)
    cache = 2 * 32 * 16 * 16 * 4 * 75
    assert resident_bytes() - before < 2 * cache + 2**24, "the attention's inputs, and what the heap keeps of them"


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
