from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tokenbench.errors import ClipError, OutputError, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.tokens import Encoding, Header, open_tokens, read_header, read_tokens, tokenize_clip, write_tokens

Make = Callable[..., Encoding]
SUFFIXES = pytest.mark.parametrize("suffix", [".safetensors", ".npz"])


@pytest.fixture
def header(encoding: Make, video: Clip) -> Header:
    return tokenize_clip(video, encoding("Causal"))[1]


@pytest.fixture
def written(header: Header, tmp_path: Path) -> Callable[[str], Path]:
    def write(suffix: str) -> Path:
        path = tmp_path / f"tokens{suffix}"
        tokens = torch.randn(3, header.latents, 16, 20, generator=torch.Generator().manual_seed(0))
        write_tokens(path, tokens, header)
        return path

    return write


@SUFFIXES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_continuous_tokens_come_back_bit_for_bit(
    dtype: torch.dtype, suffix: str, header: Header, tmp_path: Path
) -> None:
    tokens = torch.randn(3, header.latents, 4, 5).to(dtype)
    path = tmp_path / f"tokens{suffix}"
    header = replace(header, dtype=str(dtype).removeprefix("torch."))
    write_tokens(path, tokens, header)
    found, read = read_tokens(path)
    assert torch.equal(found, tokens)
    assert found.dtype == dtype
    assert replace(read, tokens_sha256="") == header


@SUFFIXES
@pytest.mark.parametrize(
    ("vocabulary", "stored"),
    [(256, np.uint8), (257, np.uint16), (65_536, np.uint16), (65_537, np.uint32), (None, np.int32)],
)
def test_codes_take_the_smallest_integers_that_hold_the_vocabulary(
    vocabulary: int | None, stored: type, suffix: str, header: Header, tmp_path: Path
) -> None:
    section = replace(header.tokenizer, kind="discrete", vocabulary=vocabulary)
    header = replace(header, tokenizer=section, dtype="int32")
    tokens = torch.randint(vocabulary or 9, (header.latents, 4, 5), dtype=torch.int32)
    tokens[0, 0, 0] = (vocabulary or 9) - 1
    path = tmp_path / f"tokens{suffix}"
    write_tokens(path, tokens, header)
    if suffix == ".npz":
        kept = np.load(path)["tokens"]
    else:
        with safe_open(path, framework="np") as file:
            kept = file.get_tensor("tokens")
    assert kept.dtype == stored
    assert np.array_equal(kept, tokens.numpy())
    found, _ = read_tokens(path)
    assert found.dtype == torch.int32
    assert torch.equal(found, tokens)


@SUFFIXES
def test_parts_are_those_of_the_whole(suffix: str, written: Callable[[str], Path]) -> None:
    path = written(suffix)
    whole, header = read_tokens(path)
    with open_tokens(path) as file:
        parts = [file.latents(start, start + 3) for start in range(0, header.latents, 3)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_the_header_is_json_that_others_can_read(written: Callable[[str], Path]) -> None:
    with safe_open(written(".safetensors"), framework="pt") as file:
        metadata = file.metadata()
    assert list(metadata) == ["tokenbench"]
    data = json.loads(metadata["tokenbench"])
    assert data["format"] == "tokenbench.tokens/1"
    wanted = "tokenizer source protocol frames fps height width padding window groups bits bits_per_pixel tokenbench"
    assert set(wanted.split()) <= set(data)
    assert json.loads(str(np.load(written(".npz"))["tokenbench"])) == data


@SUFFIXES
@pytest.mark.parametrize("kept", [0, 7, 100, 0.5, 0.999])
def test_a_truncated_file_is_one_line(kept: float, suffix: str, written: Callable[[str], Path]) -> None:
    path = written(suffix)
    data = path.read_bytes()
    path.write_bytes(data[: kept if kept >= 1 or kept == 0 else int(len(data) * kept)])
    with pytest.raises(ClipError, match=rf"tokens\{suffix}: (damaged|not a token file)") as caught:
        read_tokens(path)
    assert "\n" not in str(caught.value)


@SUFFIXES
def test_a_flipped_bit_is_found(suffix: str, written: Callable[[str], Path]) -> None:
    path = written(suffix)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ClipError, match="damaged"):
        read_tokens(path)


def test_foreign_files_are_one_line(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("weights.safetensors", "two.safetensors", "a.npz", "b.npz", "c.npz")}
    save_file({"tokens": torch.zeros(2)}, files["weights.safetensors"])
    save_file({"tokens": torch.zeros(2), "more": torch.zeros(2)}, files["two.safetensors"])
    np.savez(files["a.npz"], tokens=np.zeros(3))
    np.savez(files["b.npz"], tokens=np.zeros(3), tokenbench=np.array('{"format": "other/2"}'))
    with files["c.npz"].open("wb") as file:
        np.save(file, np.zeros(3))
    (tmp_path / "text.npz").write_text("I am no archive\n" * 9)
    (tmp_path / "text.safetensors").write_text("I am no tensor\n" * 9)
    for path in tmp_path.iterdir():
        with pytest.raises(ClipError, match=f"{path.name}: (not a token file|damaged)") as caught:
            read_header(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(ClipError, match="no such file"):
        read_header(tmp_path / "none.npz")
    with pytest.raises(TokenBenchError, match=r"ends in \.safetensors or \.npz"):
        read_header(tmp_path / "tokens.pt")


@pytest.mark.parametrize(
    "change",
    [
        {"frames": 15},
        {"frames": 0},
        {"height": -1},
        {"height": "64"},
        {"fps": None},
        {"dtype": 7},
        {"dtype": "float99"},
        {"groups": None},
        {"groups": {"frames": [14], "latents": [99], "front": [0], "back": [0]}},
        {"tokenizer": {"name": "x"}},
        {"unknown": 1},
    ],
)
def test_a_header_that_does_not_add_up_is_one_line(
    change: dict[str, object], written: Callable[[str], Path], header: Header
) -> None:
    path = written(".npz")
    data = {**json.loads(str(np.load(path)["tokenbench"])), **change}
    np.savez(path, tokens=np.load(path)["tokens"], tokenbench=np.array(json.dumps(data)))
    with pytest.raises(ClipError, match=r"tokens\.npz: "):
        read_tokens(path)


@SUFFIXES
def test_a_failed_write_leaves_nothing(suffix: str, header: Header, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_tokens(tmp_path / "file" / f"tokens{suffix}", torch.zeros(3, header.latents, 4, 5), header)
    assert sorted(os.listdir(tmp_path)) == ["clips", "file"]
