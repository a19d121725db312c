from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.padding import pad
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.streams import open_stream
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.pixels import to_float
from tokenbench.tokens import Encoding, TokenFile, detokenize_clip, encode, open_tokens, tokenize_clip, write_tokens

Make = Callable[..., Encoding]
Frames = NDArray[np.uint8]

EVERY = [
    ("haar-4x8x8", None),
    ("haar-4x8x8", 9),
    ("haar-8x8", None),
    ("Causal", None),
    ("Causal", 4),
    ("Codes", None),
    ("Codes", 7),
    ("ImageCodes", None),
]


def evaluated(clip: Clip, encoding: Encoding) -> tuple[Frames, float | None]:
    """What `eval` makes of a clip."""
    stream = open_stream(encoding.tokenizer, encoding.compute, fps=clip.fps, window=encoding.window)
    storage = open_storage("none", clip.height, clip.width, clip.fps)
    chunks = clip.chunks(chunk_frames(clip.height, clip.width), frames=encoding.frames)
    return np.concatenate([made for _, made in reconstruct(chunks, stream, storage)]), stream.bits


def through_a_file(path: Path, clip: Clip, encoding: Encoding) -> Frames:
    write_tokens(path, *tokenize_clip(clip, encoding))
    with open_tokens(path) as file, closing(detokenize_clip(file, encoding.tokenizer, encoding.compute)) as chunks:
        return np.concatenate(list(chunks))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize(("name", "window"), EVERY)
def test_decoded_tokens_are_what_eval_reconstructs(
    name: str, window: int | None, suffix: str, encoding: Make, odd: Clip, tmp_path: Path
) -> None:
    how = encoding(name, window=window)
    frames, bits = evaluated(odd, how)
    assert np.array_equal(through_a_file(tmp_path / f"tokens{suffix}", odd, how), frames)
    assert tokenize_clip(odd, how)[1].bits == bits


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_bfloat16_comes_back_as_it_was(suffix: str, encoding: Make, odd: Clip, tmp_path: Path) -> None:
    how = encoding("Causal", dtype=torch.bfloat16)
    tokens, header = tokenize_clip(odd, how)
    assert tokens.dtype == torch.bfloat16
    assert header.dtype == "bfloat16"
    assert np.array_equal(through_a_file(tmp_path / f"tokens{suffix}", odd, how), evaluated(odd, how)[0])


@pytest.mark.parametrize("name", ["haar-4x8x8", "haar-8x8", "Causal", "ImageCodes"])
def test_a_photograph_is_a_clip_of_one_frame(name: str, encoding: Make, photo: Clip, tmp_path: Path) -> None:
    how = encoding(name)
    assert np.array_equal(through_a_file(tmp_path / "tokens.npz", photo, how), evaluated(photo, how)[0])


@pytest.mark.parametrize("name", ["haar-4x8x8", "Causal"])
def test_streamed_tokens_are_those_of_the_whole_clip(
    name: str, encoding: Make, video: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = encoding(name)
    padding = how.tokenizer.info.padding
    frames = to_float(np.concatenate(list(video.chunks(99, frames=13))))
    whole = how.tokenizer.encode(pad(frames, padding)).data[0]
    for size in (1, 3, 13):
        monkeypatch.setattr(encode, "chunk_frames", lambda height, width, size=size: size)
        tokens, _ = tokenize_clip(video, encoding(name, frames=13))
        assert torch.equal(tokens, whole)


@pytest.mark.parametrize("window", [None, 4])
def test_decoding_reads_a_group_at_a_time(
    window: int | None, encoding: Make, odd: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "chunk_frames", lambda height, width: 4)
    how = encoding("Causal", window=window)
    write_tokens(tmp_path / "tokens.safetensors", *tokenize_clip(odd, how))
    read, latents = [], TokenFile.latents
    monkeypatch.setattr(TokenFile, "latents", lambda *given: read.append(latents(*given)) or read[-1])
    with open_tokens(tmp_path / "tokens.safetensors") as file:
        lengths = [len(frames) for frames in detokenize_clip(file, how.tokenizer, how.compute)]
    assert sum(lengths) == 11
    assert max(lengths) <= 4
    assert max(tokens.shape[1] for tokens in read) <= 3


def test_the_header_says_how_a_stream_was_padded(encoding: Make, video: Clip, odd: Clip) -> None:
    tokens, header = tokenize_clip(odd, encoding("Causal"), source_sha256="5a")
    assert tokens.shape == (3, 6, 17, 24)
    assert header.streaming
    assert header.window is None
    assert (header.frames, header.height, header.width, header.latents) == (11, 67, 93, 6)
    assert (header.padding.height, header.padding.width, header.padding.space) == ((0, 1), (1, 2), "black")
    assert (header.source.file, header.source.sha256, header.source.kind) == ("odd.mkv", "5a", "video")
    assert header.bits == 16 * tokens.numel()
    assert header.bits_per_pixel == header.bits / (11 * 67 * 93)
    # Fourteen frames need one more, which is a copy of the last.
    _, header = tokenize_clip(video, encoding("Causal"))
    assert sum(header.groups.frames) == 14
    assert sum(header.groups.back) == 1
    assert sum(header.groups.front) == 0


def test_the_header_says_what_is_in_each_window(encoding: Make, odd: Clip) -> None:
    tokens, header = tokenize_clip(odd, encoding("Causal", window=4))
    assert not header.streaming
    assert header.window == 4
    assert header.groups.frames == (4, 4, 3)
    assert header.groups.latents == (3, 3, 2)
    assert header.groups.front == (0, 0, 0)
    assert header.groups.back == (1, 1, 0)
    assert tokens.shape[1] == 8
    assert tokenize_clip(odd, encoding("Codes"))[1].window == 4, "of the card"
    assert tokenize_clip(odd, encoding("ImageCodes"))[1].window == 1, "every frame alone"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OutOfRange", r"gave codes from \d+ to \d+; its vocabulary is 300"),
        ("Floats", "expected int B x t x h x w"),
        ("Changing", "the tokens change within the clip: 1 x 16 x 2 "),
        ("Silent", "causal gave no tokens for"),
        ("NotANumber", "NaN or infinite values of"),
        ("Raises", r"encode_stream\.push raised AttributeError"),
    ],
)
def test_what_a_tokenizer_does_wrong_is_named(name: str, message: str, encoding: Make, video: Clip) -> None:
    with pytest.raises(ClipError, match=message):
        tokenize_clip(video, encoding(name))


def test_a_decoder_that_loses_frames_is_caught(encoding: Make, video: Clip, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="gave 13 frames for the tokens of 14"):
        through_a_file(tmp_path / "tokens.npz", video, encoding("Deaf", window=None))


def test_tokens_of_another_tokenizer_are_refused(encoding: Make, video: Clip, tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens.npz", *tokenize_clip(video, encoding("Causal")))
    other = encoding("haar-4x8x8")
    with (
        open_tokens(tmp_path / "tokens.npz") as file,
        pytest.raises(TokenBenchError, match=r"whose compression is \(2, 4, 4\)"),
    ):
        next(detokenize_clip(file, other.tokenizer, other.compute))


@pytest.mark.parametrize("name", ["identity", "h264-crf23", "jpeg-q75"])
def test_what_has_no_tokens_is_refused(name: str, encoding: Make) -> None:
    with pytest.raises(TokenBenchError, match="writes no tokens"):
        encoding(name)
