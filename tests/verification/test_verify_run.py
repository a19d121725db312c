"""`verify-run` confirms a run that is as it was made, and names what is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests_support import forge, write_video

from tokenbench.cli import run as run_command
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, carphone: NDArray[np.uint8], mini: dict[str, Clip]) -> Path:
    """A folder with a small data set and a run over it."""
    place = tmp_path_factory.mktemp("verify")
    write_video(place / "clips/even.mkv", carphone[:10, :64, :80])
    write_video(place / "clips/odd.mkv", carphone[5:12, :67, :93])
    write_png(place / "clips/photo.png", next(mini["chelsea"].chunks(1))[0][:77, :102])
    command = ["eval", "--tokenizer", "haar-4x8x8", "--dataset", "clips", "--metrics", "psnr,ssim,flicker"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert run_command([*command, "--out", "run"]) == 0
    return place


@pytest.fixture
def made(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all of it, which is the working folder: as the command named its paths."""
    shutil.copytree(place, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_a_run_that_was_not_touched_holds_to_the_last_digit(made: Path, tokenbench: Call) -> None:
    outcome = tokenbench("verify-run", "run")
    assert (outcome.code, "wrong" in outcome.err) == (0, False)
    assert "asked for: exact" in outcome.out
    # Two videos with three traits and four values each; a photograph has no motion and no flicker.
    assert outcome.out.splitlines()[-1] == "19 values of 3 clips hold"
    assert outcome.out.count(" holds") == 19


def test_the_sample_is_that_of_its_seed(made: Path, tokenbench: Call) -> None:
    def clip(seed: int) -> str:
        outcome = tokenbench("verify-run", "run", "--clips", 1, "--seed", seed)
        assert outcome.code == 0
        return str(outcome.out.splitlines()[2].split()[0])

    assert clip(3) == clip(3)
    assert len({clip(seed) for seed in range(6)}) > 1


def test_a_value_that_was_changed_is_off_and_its_mean_disagrees(made: Path, tokenbench: Call) -> None:
    rows = (made / "run/clips.csv").read_text().splitlines()
    names, cells = rows[0].split(","), rows[1].split(",")
    column = names.index("psnr")
    cells[column] = str(float(cells[column]) + 0.001)
    (made / "run/clips.csv").write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
    assert "run/clips.csv was changed after it was written" in tokenbench("verify-run", "run").message
    forge(made / "run")
    outcome = tokenbench("verify-run", "run")
    assert outcome.code == 1
    (off,) = [line.split() for line in outcome.out.splitlines() if line.endswith(" off")]
    assert (off[:2], off[4]) == (["even.mkv", "psnr"], "-0.001")
    assert "wrong: all clips: psnr is " in outcome.err
    assert "wrong: video: psnr is " in outcome.err
    assert "wrong: image" not in outcome.err
    assert outcome.out.splitlines()[-1] == "18 of 19 values of 3 clips hold"


def test_a_table_that_lost_a_clip_disagrees(made: Path, tokenbench: Call) -> None:
    rows = (made / "run/clips.csv").read_text().splitlines()
    (made / "run/clips.csv").write_text("\n".join(rows[:-1]) + "\n")
    forge(made / "run")
    outcome = tokenbench("verify-run", "run", "--clips", 1)
    assert outcome.code == 1
    assert "wrong: all clips: result.json counts 3 clips, clips.csv has 2" in outcome.err
    assert "wrong: image: result.json counts 1 clips, clips.csv has 0" in outcome.err


def test_a_result_that_was_cut_off_is_one_line(made: Path, tokenbench: Call) -> None:
    file = made / "run/result.json"
    file.write_bytes(file.read_bytes()[:-200])
    outcome = tokenbench("verify-run", "run")
    assert outcome.code == 2
    assert "result.json is not valid JSON" in outcome.message


def test_other_clips_are_named_and_nothing_is_scored(made: Path, tokenbench: Call) -> None:
    shutil.copy(made / "clips/photo.png", made / "clips/another.png")
    outcome = tokenbench("verify-run", "run")
    assert outcome.code == 1
    assert "wrong: manifest (SHA-256): " in outcome.err
    assert outcome.out.splitlines() == ["no clip was scored again"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda result: result["tokenizer"].update(weights_sha256="ab" * 32), f"weights (SHA-256): {'ab' * 32} in the"),
        (lambda result: result["protocol"].update(version=0), "version of the protocol: 0 in the run, 1 here"),
        (lambda result: result["protocol"]["definitions"].update(ssim="another"), "definition of ssim: another in the"),
        (lambda result: result["tokenizer"].update(name="haar"), "tokenizer: haar in the run, haar-4x8x8 here"),
    ],
)
def test_what_is_not_the_runs_is_named(
    change: Callable[[dict[str, Any]], None], message: str, made: Path, tokenbench: Call
) -> None:
    forge(made / "run", change)
    outcome = tokenbench("verify-run", "run")
    assert outcome.code == 1
    assert f"wrong: {message}" in outcome.err
    assert outcome.out.splitlines() == ["no clip was scored again"]


def test_a_clip_that_cannot_be_read_any_more_is_named(made: Path, tokenbench: Call) -> None:
    file = made / "clips/even.mkv"
    file.write_bytes(bytes(file.stat().st_size))
    outcome = tokenbench("verify-run", "run")
    assert outcome.code == 1
    assert "wrong: even.mkv: " in outcome.err
    assert "12 of 12 values of 2 clips hold" in outcome.out


def test_other_versions_are_named_and_values_need_not_be_equal(made: Path, tokenbench: Call) -> None:
    forge(made / "run", lambda result: result["environment"].update(torch="1.0", device="cuda"))
    outcome = tokenbench("verify-run", "run", "--device", "cpu")
    assert outcome.code == 0
    assert "differs: torch: 1.0 in the run, " in outcome.out
    assert "differs: device: cuda in the run, cpu here" in outcome.out
    assert "asked for: within 0.02 dB" in outcome.out


def test_an_older_result_that_names_no_inputs_is_told_where_its_clips_are(made: Path, tokenbench: Call) -> None:
    forge(made / "run", lambda result: [result["environment"].pop(name) for name in ("inputs", "cores", "threads")])
    (made / "clips").rename(made / "elsewhere")
    assert "no data set or folder 'clips'" in tokenbench("verify-run", "run").message
    outcome = tokenbench("verify-run", "run", "--dataset", "elsewhere")
    assert outcome.code == 0
    assert "differs: cores: not recorded in the run, " in outcome.out


def test_values_of_sets_are_left_out_and_said_to_be(made: Path, tokenbench: Call) -> None:
    value = {"value": 9.0, "unit": "1", "ci95": [8.0, 10.0], "n": 3, "rank": 2}
    forge(made / "run", lambda result: result["metrics"].update(fid=value))
    outcome = tokenbench("verify-run", "run", "--clips", 1)
    assert outcome.code == 0
    assert "not scored again: fid: of the whole set" in outcome.out


def test_the_settings_of_the_run_are_taken_again(made: Path, tokenbench: Call) -> None:
    (made / "own.py").write_text(
        "class Dim:\n"
        "    info = {'name': 'dim', 'kind': 'continuous', 'compression': [1, 1, 1], 'window': 3}\n"
        "    def __init__(self, device, dtype, factor): self.factor = factor\n"
        "    def encode(self, video): return video * self.factor\n"
        "    def decode(self, tokens): return tokens\n"
    )
    options = ("--set", "factor=0.5", "--frames", 4, "--window", 2, "--storage", "yuv420p")
    assert tokenbench("eval", "--tokenizer", "own.py:Dim", "--dataset", "clips", *options, "--out", "dim").code == 0
    outcome = tokenbench("verify-run", "dim", "--tokenizer", "own.py:Dim")
    assert (outcome.code, outcome.out.count(" off")) == (0, 0), outcome.err
    (made / "own.py").rename(made / "moved.py")
    assert tokenbench("verify-run", "dim", "--tokenizer", "moved.py:Dim").code == 0


def test_a_comparison_has_no_tokenizer_to_run_again(made: Path, tokenbench: Call) -> None:
    assert tokenbench("compare", "clips", "clips", "--run", "same").code == 0
    outcome = tokenbench("verify-run", "same")
    assert outcome.code == 2
    assert "was written by 'tokenbench compare', which runs no tokenizer" in outcome.message
