from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from tests_support import write_video

from tokenbench.media.image import read_image
from tokenbench.media.video import read_chunks
from tokenbench.metrics import psnr
from tokenbench.tokens import detokenize, read_header, tokenize

Command = Callable[..., Any]

STUBS = Path(__file__).parents[1] / "tokens" / "stubs.py"


def pixels(path: Path) -> NDArray[np.uint8]:
    return read_image(path) if path.suffix == ".png" else np.concatenate(list(read_chunks(path, 8)))


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def videos(folder: Path) -> Path:
    """The folder without its photograph, and one video in a folder below."""
    (folder / "photo.png").unlink()
    (folder / "below").mkdir()
    (folder / "odd.mkv").rename(folder / "below" / "odd.mkv")
    return folder


@pytest.mark.parametrize("file_format", ["safetensors", "npz"])
@pytest.mark.parametrize(
    ("name", "extra"),
    [("haar-4x8x8", ()), ("haar-4x8x8", ("--window", 5)), ("haar-8x8", ()), (f"{STUBS}:Causal", ("--frames", 9))],
)
def test_a_round_trip_is_what_eval_reconstructs(
    tokenbench: Command, folder: Path, tmp_path: Path, name: str, extra: tuple[object, ...], file_format: str
) -> None:
    tokens, back, run = tmp_path / "tokens", tmp_path / "back", tmp_path / "run"
    how = ("--tokenizer", name, *extra)
    outcome = tokenbench("tokenize", folder, *how, "--out", tokens, "--format", file_format)
    assert outcome.code == 0, outcome.err
    assert list(files_in(tokens)) == [f"{stem}.{file_format}" for stem in ("even", "odd", "photo")]
    # A class of one's own is run only where it is named.
    named = ("--tokenizer", name) if ".py:" in name else ()
    outcome = tokenbench("detokenize", tokens, *named, "--out", back)
    assert outcome.code == 0, outcome.err
    assert f"3 written to {back}" in outcome.out
    assert tokenbench("eval", *how, "--dataset", folder, "--save-reconstructions", "--out", run).code == 0
    for path in sorted((run / "reconstructions").iterdir()):
        assert np.array_equal(pixels(back / path.name), pixels(path)), path.name
    rows = (run / "clips.csv").read_text().splitlines()
    column = rows[0].split(",").index("bits_per_pixel")
    rates = [read_header(path).bits_per_pixel for path in sorted(tokens.iterdir())]
    assert rates == [float(row.split(",")[column]) for row in rows[1:]]


def test_files_keep_their_names_and_a_second_run_does_nothing(
    tokenbench: Command, videos: Path, tmp_path: Path
) -> None:
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    encode = ("tokenize", videos, "--tokenizer", "haar-4x8x8", "--out", tokens)
    decode = ("detokenize", tokens, "--out", back)
    assert tokenbench(*encode).code == tokenbench(*decode).code == 0
    before = {**files_in(tokens), **files_in(back)}
    assert list(before) == ["below/odd.safetensors", "even.safetensors", "below/odd.mkv", "even.mkv"]
    for command in (encode, decode):
        outcome = tokenbench(*command)
        assert outcome.code == 0
        assert "0 written to" in outcome.out
        assert "2 there already" in outcome.out
    assert {**files_in(tokens), **files_in(back)} == before


def test_an_interrupted_run_goes_on(
    tokenbench: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    encode = ("tokenize", folder, "--tokenizer", "haar-8x8", "--out", tokens)
    decode = ("detokenize", tokens, "--out", back)
    for command, module, name in ((encode, tokenize, "tokenize_clip"), (decode, detokenize, "detokenize_clip")):
        real, calls = getattr(module, name), []

        def interrupted(*given: Any, real: Any = real, calls: list[int] = calls, **more: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(*given, **more)

        monkeypatch.setattr(module, name, interrupted)
        assert tokenbench(*command).code == 130
        assert len(files_in(tokens if module is tokenize else back)) == 1, "no half-written file stays"
        outcome = tokenbench(*command)
        assert outcome.code == 0
        assert "2 written" in outcome.out
        assert "1 there already" in outcome.out


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (("--tokenizer", "haar-8x8"), "was made with name = haar-4x8x8, this run has haar-8x8"),
        (("--tokenizer", "haar-4x8x8", "--window", "5"), "was made with window = None, this run has 5"),
        (("--tokenizer", "haar-4x8x8", "--frames", "5"), "was made with frames = None, this run has 5"),
        (("--tokenizer", "haar-4x8x8", "--dtype", "bfloat16"), "was made with dtype = float32, this run has bfloat16"),
    ],
)
def test_tokens_of_other_settings_are_left_alone(
    tokenbench: Command, videos: Path, tmp_path: Path, other: tuple[str, ...], message: str
) -> None:
    tokens = tmp_path / "tokens"
    assert tokenbench("tokenize", videos, "--tokenizer", "haar-4x8x8", "--out", tokens).code == 0
    before = files_in(tokens)
    outcome = tokenbench("tokenize", videos, *other, "--out", tokens)
    assert outcome.code == 2
    assert message in outcome.message
    assert "--overwrite" in outcome.message
    assert files_in(tokens) == before
    assert tokenbench("tokenize", videos, *other, "--out", tokens, "--overwrite").code == 0
    assert files_in(tokens) != before


def test_a_changed_source_and_a_damaged_file_are_named(
    tokenbench: Command, videos: Path, carphone: NDArray[np.uint8], tmp_path: Path
) -> None:
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    encode = ("tokenize", videos, "--tokenizer", "haar-4x8x8", "--out", tokens)
    decode = ("detokenize", tokens, "--out", back)
    assert tokenbench(*encode).code == tokenbench(*decode).code == 0
    write_video(videos / "even.mkv", carphone[3:9, :64, :80])
    outcome = tokenbench(*encode)
    assert outcome.code == 1
    assert "holds the tokens of another even.mkv" in outcome.err
    assert "1 there already" in outcome.out
    assert tokenbench(*encode, "--overwrite").code == 0

    outcome = tokenbench(*decode)
    assert outcome.code == 1
    assert "even.mkv: was not made from" in outcome.err
    assert tokenbench(*decode, "--overwrite").code == 0
    assert len(pixels(back / "even.mkv")) == 6

    (tokens / "even.safetensors").write_bytes((tokens / "even.safetensors").read_bytes()[:-1])
    for command, text in ((encode, "--overwrite"), (decode, "damaged or cut short")):
        outcome = tokenbench(*command)
        assert outcome.code == 1
        assert text in outcome.err


def test_a_clip_that_fails_is_listed_and_the_others_go_on(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    (folder / "empty.mp4").touch()
    (folder / "photo.png").write_bytes(b"no picture")
    outcome = tokenbench("tokenize", folder, "--tokenizer", "haar-4x8x8", "--out", tmp_path / "tokens")
    assert outcome.code == 1
    assert "2 written" in outcome.out
    assert "failed: empty.mp4: " in outcome.err
    assert "failed: photo.png: " in outcome.err
    assert list(files_in(tmp_path / "tokens")) == ["even.safetensors", "odd.safetensors"]


def test_the_weights_must_be_those_that_made_the_tokens(tokenbench: Command, videos: Path, tmp_path: Path) -> None:
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    name = f"{STUBS}:Weighted"
    arguments = ("--tokenizer", name, "--weights", "mine", "--set", "strength=3", "--out", tokens)
    assert tokenbench("tokenize", videos, *arguments).code == 0
    header = read_header(tokens / "even.safetensors")
    assert header.tokenizer.settings == {"strength": 3}
    assert header.tokenizer.provenance == {"weights": {"source": "mine"}, "strength": 3}
    decode = ("detokenize", tokens, "--tokenizer", name)
    assert tokenbench(*decode, "--weights", "mine", "--out", back).code == 0
    outcome = tokenbench(*decode, "--weights", "other", "--out", tmp_path / "other")
    assert outcome.code == 2
    assert f"made with weights of sha256 {header.tokenizer.weights_sha256}" in outcome.message
    outcome = tokenbench(*decode, "--weights", "other", "--any-weights", "--out", tmp_path / "other")
    assert outcome.code == 0, outcome.err


def test_a_film_to_look_at_is_close_to_the_lossless_one(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    assert tokenbench("tokenize", folder, "--tokenizer", "haar-4x8x8", "--out", tokens).code == 0
    for suffix in ("mkv", "mp4"):
        assert tokenbench("detokenize", tokens, "--out", back, "--format", suffix).code == 0
    assert list(files_in(back)) == ["even.mkv", "even.mp4", "odd.mkv", "odd.mp4", "photo.png"]
    for stem in ("even", "odd"):
        assert psnr(pixels(back / f"{stem}.mkv"), pixels(back / f"{stem}.mp4")) > 36
    outcome = tokenbench("detokenize", tokens, "--out", back, "--format", "mp4")
    assert "0 written" in outcome.out
    assert "3 there already" in outcome.out


def test_files_of_several_tokenizers_are_decoded_by_their_own(
    tokenbench: Command, videos: Path, tmp_path: Path
) -> None:
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    for name in ("haar-4x8x8", "haar-8x8"):
        assert tokenbench("tokenize", videos, "--tokenizer", name, "--out", tokens / name).code == 0
    outcome = tokenbench("detokenize", tokens, "--out", back)
    assert outcome.code == 0
    assert "4 written" in outcome.out
    assert not np.array_equal(pixels(back / "haar-8x8/even.mkv"), pixels(back / "haar-4x8x8/even.mkv"))
    outcome = tokenbench("detokenize", tokens, "--weights", "random", "--out", tmp_path / "other")
    assert outcome.code == 2
    assert "are of several (haar-4x8x8, haar-8x8)" in outcome.message


def test_a_tokenizer_that_moved_can_be_named(tokenbench: Command, videos: Path, tmp_path: Path) -> None:
    moved = tmp_path / "mine.py"
    shutil.copy(STUBS, moved)
    tokens, back = tmp_path / "tokens", tmp_path / "back"
    assert tokenbench("tokenize", videos, "--tokenizer", f"{moved}:Codes", "--out", tokens).code == 0
    moved.unlink()
    assert "code that would be run" in tokenbench("detokenize", tokens, "--out", back).message
    assert "no such file" in tokenbench("detokenize", tokens, "--tokenizer", f"{moved}:Codes", "--out", back).message
    assert tokenbench("detokenize", tokens, "--tokenizer", f"{STUBS}:Codes", "--out", back).code == 0
    outcome = tokenbench("detokenize", tokens, "--tokenizer", "haar-8x8", "--out", tmp_path / "other")
    assert outcome.code == 1
    assert "choose another --tokenizer" in outcome.err


def test_codes_are_stored_as_small_integers(tokenbench: Command, videos: Path, tmp_path: Path) -> None:
    assert tokenbench("tokenize", videos, "--tokenizer", f"{STUBS}:Codes", "--out", tmp_path).code == 0
    with safe_open(tmp_path / "even.safetensors", framework="np") as file:
        tokens, data = file.get_tensor("tokens"), json.loads(file.metadata()["tokenbench"])
    assert tokens.dtype == np.uint16
    assert tokens.shape == (7, 16, 20)
    assert data["window"] == 4
    assert data["groups"]["frames"] == [4, 4, 4, 2]
    assert data["groups"]["latents"] == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tokenize", "{clips}", "--tokenizer", "identity"), "identity works on 8-bit frames and writes no tokens"),
        (("tokenize", "{clips}", "--tokenizer", "h264-crf23"), "a codec has its own bitstream"),
        (("tokenize", "{clips}", "--tokenizer", "haar-8x8", "--window", "4"), "--window does not apply"),
        (("tokenize", "nowhere", "--tokenizer", "haar-8x8"), "nowhere: no such file or folder"),
        (("tokenize", "--tokenizer", "haar-8x8"), "VIDEO"),
        (("tokenize", "{clips}", "{clips}", "--tokenizer", "haar-8x8"), "would both be written to"),
        (("tokenize", "{clips}", "--tokenizer", "haar-8x8", "--set", "colour=1"), "has no setting 'colour'"),
        (("detokenize", "nowhere"), "nowhere: no such file or folder"),
        (("detokenize", "{clips}"), "holds no token files"),
    ],
)
def test_bad_usage_is_one_line(
    tokenbench: Command, videos: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = tokenbench(*(argument.format(clips=videos) for argument in arguments), "--out", tmp_path / "out")
    assert outcome.code == 2
    assert message in outcome.message
    assert not (tmp_path / "out").exists()
