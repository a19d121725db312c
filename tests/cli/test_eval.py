from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from tokenbench.cli.options import settings_option
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation import job
from tokenbench.media.clip import Clip
from tokenbench.media.image import read_image
from tokenbench.media.video import read_chunks
from tokenbench.registry import load_tokenizer
from tokenbench.tokenizer import Padding

Command = Callable[..., Any]


def result_of(out: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads((out / "result.json").read_text(), parse_constant=refuse)


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "clips.csv").open() as file:
        return list(csv.DictReader(file))


def test_values_are_those_of_the_definitions(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = tokenbench(
        "eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", out, "--save-reconstructions"
    )
    assert outcome.code == 0, outcome.err
    rows = {row["clip"]: row for row in rows_of(out)}
    assert list(rows) == ["even.mkv", "odd.mkv", "photo.png"]
    for name, row in rows.items():
        saved = out / "reconstructions" / name
        if saved.suffix == ".png":
            x, y = read_image(folder / name)[None], read_image(saved)[None]
        else:
            x, y = (np.concatenate(list(read_chunks(path, 8))) for path in (folder / name, saved))
        mse = np.mean((x.astype(np.float64) - y) ** 2)
        assert float(row["psnr"]) == pytest.approx(20 * np.log10(255 / np.sqrt(mse)), abs=1e-3)
        ssim = [
            structural_similarity(a.astype(np.float32), b.astype(np.float32), data_range=255, channel_axis=-1)
            for a, b in zip(x, y, strict=True)
        ]
        assert float(row["ssim"]) == pytest.approx(np.mean(ssim), abs=1e-5)
        assert [int(row[key]) for key in ("frames", "height", "width")] == list(x.shape[:3])


def test_result_has_the_contracts_layout(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "h264-crf23", "--dataset", folder, "--out", out).code == 0
    result, rows = result_of(out), rows_of(out)
    assert result["schema"] == "tokenbench.result/1"
    assert {"name", "kind", "modality", "compression", "bits_per_pixel", "parameters", "weights_sha256"} <= set(
        result["tokenizer"]
    )
    assert result["dataset"] | {"manifest_sha256": None} == {
        "name": "clips",
        "protocol": "paper/1",
        "clips": 3,
        "frames": 14 + 11 + 1,
        "manifest_sha256": None,
    }
    traits, metrics = ["si", "ti", "luma"], ["psnr", "ssim", "bits_per_pixel"]
    assert list(rows[0]) == ["clip", "domain", "frames", "height", "width", "fps", *traits, *metrics]
    for name, metric in result["metrics"].items():
        values = [float(row[name]) for row in rows]
        assert metric["n"] == 3
        assert metric["value"] == pytest.approx(np.mean(values))
        assert min(values) <= metric["ci95"][0] <= metric["value"] <= metric["ci95"][1] <= max(values)
    assert [metric["unit"] for metric in result["metrics"].values()] == ["dB", "1", "bit/pixel"]
    assert result["tokenizer"]["bits_per_pixel"] == result["metrics"]["bits_per_pixel"]["value"]
    assert {kind: section["clips"] for kind, section in result["media"].items()} == {"video": 2, "image": 1}
    assert {"device", "dtype", "seed", "command", "tokenbench", "torch", "cores"} <= set(result["environment"])
    assert result["environment"]["inputs"] == {
        "tokenizer": "h264-crf23",
        "weights": None,
        "dataset": str(folder),
        "networks": {},
        "tokens": "count",
    }
    for sample in result["samples"]:
        assert read_image(out / sample["reference"]).shape == read_image(out / sample["reconstruction"]).shape
    assert len(list((out / "samples").iterdir())) == 2 * len({sample["clip"] for sample in result["samples"]})


def test_identity_is_the_ceiling_and_storage_lowers_it(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    values = []
    for storage in ("none", "yuv444p", "yuv420p", "h264"):
        out = tmp_path / storage
        arguments = ("eval", "--tokenizer", "identity", "--dataset", folder, "--storage", storage, "--out", out)
        assert tokenbench(*arguments).code == 0
        result = result_of(out)
        values.append(result["metrics"]["psnr"]["value"])
        assert result["dataset"]["protocol"] == "paper/1" + ("" if storage == "none" else f"+storage={storage}")
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(20 * np.log10(255 / np.finfo(np.float32).eps))


def test_frames_and_limit_are_kept_and_named(tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "haar-8x8", "--limit", 1, "--frames", 5, "--out", out).code == 0
    assert [(row["clip"], row["frames"]) for row in rows_of(out)] == [("bigbuckbunny", "5")]
    dataset = result_of(out)["dataset"]
    assert (dataset["name"], dataset["protocol"], dataset["clips"]) == ("mini", "paper/1+frames=5", 1)


def test_windows_on_request_are_named_and_their_seams_measured(
    tokenbench: Command, folder: Path, tmp_path: Path
) -> None:
    results = {}
    for name, extra in (("stream", ()), ("windows", ("--window", 5))):
        outcome = tokenbench("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", tmp_path / name, *extra)
        assert outcome.code == 0, outcome.err
        assert ("seam" in outcome.out) == (name == "windows")
        results[name] = result_of(tmp_path / name)
    stream, windows = results["stream"], results["windows"]
    assert (stream["tokenizer"]["streaming"], stream["tokenizer"]["window_used"]) == (True, None)
    assert (windows["tokenizer"]["streaming"], windows["tokenizer"]["window_used"]) == (False, 5)
    assert stream["protocol"]["window"] is None
    assert windows["dataset"]["protocol"] == "paper/1+window=5"
    assert "seam" not in stream["metrics"]
    assert windows["metrics"]["seam"]["unit"] == "dB"
    rows = rows_of(tmp_path / "windows")
    values = [float(row["seam"]) for row in rows if row["seam"]]
    assert len(values) == windows["metrics"]["seam"]["n"] == 2, "a photograph has no border"
    assert windows["metrics"]["seam"]["value"] == pytest.approx(np.mean(values))
    assert windows["metrics"]["bits_per_pixel"]["value"] > stream["metrics"]["bits_per_pixel"]["value"]
    assert tokenbench("report", tmp_path / "windows", "--out", tmp_path / "report").code == 0


def test_a_clip_that_fails_is_listed_and_the_others_go_on(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("I am no video\n" * 50)
    whole = (folder / "even.mkv").read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    (folder / "broken.png").write_bytes((folder / "photo.png").read_bytes()[:500])
    out = tmp_path / "run"
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", folder, "--out", out)
    assert outcome.code == 1
    result = result_of(out)
    errors = {failure["clip"]: failure["error"] for failure in result["failed"]}
    assert set(errors) == {"empty.mp4", "text.mp4", "cut.mkv", "broken.png"}
    assert "the file is empty" in errors["empty.mp4"]
    assert "not a readable video" in errors["text.mp4"]
    assert "cut short" in errors["cut.mkv"]
    assert "not a readable image" in errors["broken.png"]
    assert result["metrics"]["psnr"]["n"] == result["dataset"]["clips"] == len(rows_of(out)) == 3


def test_all_clips_failing_is_still_a_valid_result(tokenbench: Command, tmp_path: Path) -> None:
    place = tmp_path / "clips"
    place.mkdir()
    (place / "empty.mp4").touch()
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "identity", "--dataset", place, "--out", out).code == 1
    assert result_of(out)["metrics"]["psnr"] == {"value": None, "unit": "dB", "ci95": [None, None], "n": 0}
    assert rows_of(out) == []


OWN = """
import torch

class Mine:
    info = {"name": "mine", "kind": "discrete", "compression": [1, 2, 2], "vocabulary": 256, "window": 5}

    def __init__(self, device, dtype):
        self.device = device

    def encode(self, video):
        return video[..., ::2, ::2]

    def decode(self, tokens):
        return tokens.repeat_interleave(2, -1).repeat_interleave(2, -2)

class Bare:
    def encode(self, video):
        return video

    def decode(self, tokens):
        return tokens

class Wrong(Bare):
    def decode(self, tokens):
        return tokens[..., 1:]

class NotANumber(Bare):
    def decode(self, tokens):
        return tokens / 0

class Raises(Bare):
    def encode(self, video):
        raise RuntimeError("boom")

class Half:
    def encode(self, video):
        return video

class Broken(Bare):
    def __init__(self):
        raise OSError("no licence")

class UnknownField(Bare):
    info = {"colour": "blue"}

class Weighted(Bare):
    def __init__(self, weights):
        self.weights = weights

class Flat(Bare):
    info = {"compression": 8}

class Padded(Bare):
    info = {"latent_channels": None, "padding": {"frames": [4, 1], "size": (8, 16), "space": "black"}}

class Set(Bare):
    def __init__(self, factor=1, label="none"):
        self.factor = factor
        self.provenance = {"weights": None, "factor": factor, "label": label}

    def decode(self, tokens):
        return tokens * self.factor

class Unsayable(Bare):
    provenance = {"network": object()}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(textwrap.dedent(OWN))
    return path


@pytest.fixture
def even(folder: Path) -> Path:
    """The folder with its one video of even size."""
    for name in ("odd.mkv", "photo.png"):
        (folder / name).unlink()
    return folder


def test_ones_own_tokenizer_runs_from_its_file(tokenbench: Command, own: Path, even: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = tokenbench("eval", "--tokenizer", f"{own}:Mine", "--dataset", even, "--out", out)
    assert outcome.code == 0, outcome.err
    tokenizer = result_of(out)["tokenizer"]
    assert (tokenizer["name"], tokenizer["compression"], tokenizer["vocabulary"]) == ("mine", [1, 2, 2], 256)
    assert 20 < result_of(out)["metrics"]["psnr"]["value"] < 60


def test_a_class_without_description_will_do(tokenbench: Command, own: Path, even: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", f"{own}:Bare", "--dataset", even, "--out", out).code == 0
    result = result_of(out)
    assert result["tokenizer"]["name"] == "Bare"
    assert result["metrics"]["psnr"]["value"] > 180


def test_settings_reach_the_tokenizer_and_the_result(
    tokenbench: Command, own: Path, even: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ("eval", "--tokenizer", f"{own}:Set", "--dataset", even, "--out", out)
    assert tokenbench(*command, "--set", "factor=0.5", "--set", "label=half way").code == 0
    tokenizer = result_of(out)["tokenizer"]
    assert tokenizer["settings"] == {"factor": 0.5, "label": "half way"}
    assert tokenizer["provenance"] == {"weights": None, "factor": 0.5, "label": "half way"}
    assert result_of(out)["metrics"]["psnr"]["value"] < 30
    outcome = tokenbench(*command, "--set", "factor=0.25")
    assert outcome.code == 2
    assert "holds a run with other settings" in outcome.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("factor=2", 2),
        ("factor=true", True),
        ('factor="2"', "2"),
        ("factor=[1, 2]", [1, 2]),
        ("factor=fast", "fast"),
        ("factor=a=b", "a=b"),
        ("factor=2020-01-01", "2020-01-01"),
        ("factor=nan", "nan"),
        ("factor=1\nx = 2", "1\nx = 2"),
        ("factor=", ""),
    ],
)
def test_settings_are_read_as_toml_or_else_as_text(text: str, value: object) -> None:
    @click.command()
    @settings_option
    def command(settings: dict[str, Any]) -> dict[str, Any]:
        return settings

    assert command.main(["--set", text], standalone_mode=False) == {"factor": value}


@pytest.mark.parametrize(
    ("name", "message"),
    [("Wrong", "expected the same shape"), ("NotANumber", "NaN or infinite"), ("Raises", "RuntimeError: boom")],
)
def test_a_faulty_tokenizer_fails_clip_by_clip(
    tokenbench: Command, own: Path, even: Path, tmp_path: Path, name: str, message: str
) -> None:
    out = tmp_path / "run"
    outcome = tokenbench("eval", "--tokenizer", f"{own}:{name}", "--dataset", even, "--out", out)
    assert outcome.code == 1
    assert message in result_of(out)["failed"][0]["error"]


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        ("haar-4x8", "unknown tokenizer 'haar-4x8': did you mean haar-4x8x8"),
        ("zzz", "'tokenbench list tokenizers' shows all"),
        ("nowhere.py:Mine", "nowhere.py: no such file"),
        ("{own}:Nothing", "no such class in the file; it has Mine, Bare"),
        ("{own}:Half", "has no method decode"),
        ("{own}:Broken", "cannot be made: OSError: no licence"),
        ("{own}:UnknownField", "info has the unknown key 'colour'"),
        ("{own}:Flat", "info: compression is 8, expected a list"),
        ("{own}:Unsayable", "its provenance is not plain JSON data"),
        ("{own}", "name the class too"),
        ("cosmos-cv-4x8x8", "nvidia/Cosmos-0.1-Tokenizer-CV4x8x8"),
    ],
)
def test_an_unusable_tokenizer_is_one_line(
    tokenbench: Command, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str, message: str
) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "none"))
    outcome = tokenbench("eval", "--tokenizer", tokenizer.format(own=own), "--out", tmp_path / "run")
    assert outcome.code == 2
    assert message in outcome.message
    assert not (tmp_path / "run").exists()


def test_the_info_of_ones_own_class_may_be_plain_tables(own: Path) -> None:
    info = load_tokenizer(f"{own}:Padded").info
    assert info.padding == Padding(frames=(4, 1), size=(8, 16), space="black")
    assert info.latent_channels is None


def test_weights_for_ones_own_class_that_takes_none_are_refused(own: Path) -> None:
    with pytest.raises(TokenBenchError, match="Bare: its constructor takes no weights; leave out --weights"):
        load_tokenizer(f"{own}:Bare", weights="some.pt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eval", "--tokenizer"), "--tokenizer"),
        (("eval", "--tokenizer", "identity", "--frames", "0"), "--frames"),
        (("eval", "--tokenizer", "identity", "--window", "0"), "--window"),
        (("eval", "--tokenizer", "haar-8x8", "--window", "9"), "takes images, every frame of a video alone"),
        (("eval", "--tokenizer", "identity", "--set", "colour=1"), "has no setting 'colour'; its settings are: none"),
        (("eval", "--tokenizer", "identity", "--set", "colour"), "'colour' is not NAME=VALUE"),
        (("eval", "--tokenizer", "identity", "--set", "a=1", "--set", "a=2"), "'a' is set twice"),
        (("eval", "--tokenizer", "identity", "--set", "device=cuda"), "use --device"),
        (("eval", "--tokenizer", "identity", "--dataset", "minni"), "did you mean mini?"),
        (("eval", "--tokenizer", "identity", "--device", "abacus"), "device 'abacus' cannot be used"),
        (("evaluate",), "evaluate"),
        (("compare", "nowhere", "nowhere"), "nowhere: no such folder"),
    ],
)
def test_bad_usage_is_one_line(tokenbench: Command, arguments: tuple[str, ...], message: str) -> None:
    outcome = tokenbench(*arguments)
    assert outcome.code == 2
    assert message in outcome.message


def test_a_folder_of_another_run_is_left_alone(tokenbench: Command, even: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", "identity", "--dataset", even, "--out", out).code == 0
    before = (out / "result.json").read_bytes()
    outcome = tokenbench("eval", "--tokenizer", "haar-8x8", "--dataset", even, "--out", out)
    assert outcome.code == 2
    assert "holds a run with other settings" in outcome.message
    assert (out / "result.json").read_bytes() == before


def test_a_class_of_ones_own_that_was_changed_or_has_other_weights_is_another_run(
    tokenbench: Command, own: Path, even: Path, tmp_path: Path
) -> None:
    out, weights = tmp_path / "run", tmp_path / "weights"
    weights.mkdir()
    (weights / "a.bin").write_bytes(b"first")
    command = ("eval", "--tokenizer", f"{own}:Weighted", "--dataset", even, "--weights", weights, "--out", out)
    assert tokenbench(*command).code == 0
    assert "1/1" in tokenbench(*command).err
    (weights / "a.bin").write_bytes(b"other")
    assert "holds a run with other settings" in tokenbench(*command).message
    (weights / "a.bin").write_bytes(b"first")
    assert tokenbench(*command).code == 0
    own.write_text(own.read_text() + "\n# The same size would do.\n")
    assert "holds a run with other settings" in tokenbench(*command).message


def test_an_interrupted_run_goes_on_and_ends_the_same(
    tokenbench: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", folder, "--out", "run")
    monkeypatch.setattr(sys, "argv", ["tokenbench"])
    (tmp_path / "whole").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert tokenbench(*arguments).code == 0

    (tmp_path / "parts").mkdir()
    monkeypatch.chdir(tmp_path / "parts")
    score_clip, scored = job.score_clip, []

    def interrupted(clip: Clip, *rest: Any, **more: Any) -> Any:
        scored.append(clip.id)
        if len(scored) in (2, 4):
            raise KeyboardInterrupt
        return score_clip(clip, *rest, **more)

    monkeypatch.setattr(job, "score_clip", interrupted)
    outcome = tokenbench(*arguments)
    assert outcome.code == 130
    assert not Path("run/result.json").exists()
    # A crash in the middle of a write leaves half a line.
    with Path("run/journal.jsonl").open("ab") as file:
        file.write(b'{"clip": "odd')
    assert tokenbench(*arguments).code == 130
    assert tokenbench(*arguments).code == 0
    assert scored == ["even.mkv", "odd.mkv", "odd.mkv", "photo.png", "photo.png"]
    for name in ("result.json", "clips.csv"):
        assert Path("run", name).read_bytes() == (tmp_path / "whole/run" / name).read_bytes()


def test_a_killed_run_goes_on_and_ends_the_same(
    tokenbench: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(folder / "even.mkv", folder / "second.mkv")
    command = ["eval", "--tokenizer", "av1-crf35", "--dataset", str(folder), "--out", "run"]
    monkeypatch.chdir(tmp_path)
    # A result names its command: that of the process that is killed.
    monkeypatch.setattr(sys, "argv", ["__main__.py", *command])
    assert tokenbench(*command).code == 0
    expected = {name: (tmp_path / "run" / name).read_bytes() for name in ("result.json", "clips.csv")}
    shutil.rmtree(tmp_path / "run")

    process = subprocess.Popen([sys.executable, "-m", "tokenbench", *command], stderr=subprocess.DEVNULL)
    journal = tmp_path / "run/journal.jsonl"
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 2):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run was to be killed before its end"
    assert tokenbench(*command).code == 0
    assert {name: (tmp_path / "run" / name).read_bytes() for name in expected} == expected


def test_two_runs_do_not_share_a_folder(tokenbench: Command, even: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    out = tmp_path / "run"
    out.mkdir()
    with FileLock(out / ".lock"):
        outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", even, "--out", out)
    assert outcome.code == 2
    assert "another run is writing there" in outcome.message


_SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from tokenbench.cli import run
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="file size limits are POSIX")
def test_a_full_disk_is_one_line_and_keeps_what_is_done(tokenbench: Command, even: Path, tmp_path: Path) -> None:
    command = ["eval", "--tokenizer", "identity", "--dataset", str(even), "--out", str(tmp_path / "run")]
    command.append("--save-reconstructions")
    code = [sys.executable, "-c", _SMALL_DISK, "20000", *command]
    full = subprocess.run(code, capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert "cannot write" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list((tmp_path / "run").rglob(".even*")), "no half-written file stays"
    assert tokenbench(*command).code == 0


def test_an_unwritable_folder_is_one_line(tokenbench: Command, even: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", even, "--out", tmp_path / "file" / "run")
    assert outcome.code == 2
    assert "cannot write" in outcome.message
