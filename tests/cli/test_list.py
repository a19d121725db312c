from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from tokenbench.media.clip import Clip
from tokenbench.registry import registered

Command = Callable[..., Any]


def test_every_registered_tokenizer_is_listed_with_its_card(tokenbench: Command) -> None:
    outcome = tokenbench("list", "tokenizers")
    lines = {line.split()[0]: line for line in outcome.out.splitlines()[2:]}
    assert set(lines) == set(registered())
    assert {"identity", "haar-4x8x8", "haar-8x8", "h264-crf23", "h265-crf28", "av1-crf35", "jpeg-q75"} < set(lines)
    assert "4x8x8" in lines["cosmos-cv-4x8x8"]
    assert "73.2 M" in lines["cosmos-cv-4x8x8"]
    cards = json.loads(tokenbench("list", "tokenizers", "--json").out)
    assert {card["name"] for card in cards} == set(lines)


def test_datasets_are_listed(tokenbench: Command) -> None:
    assert "mini" in tokenbench("list", "datasets").out


PLUGIN = """
from tokenbench.tokenizer import Card, TokenizerInfo

class Negative:
    def __init__(self, info, **_):
        self.info = info

    def encode(self, video):
        return -video

    def decode(self, tokens):
        return -tokens

CARD = Card(info=TokenizerInfo(name="negative", kind="continuous"), factory="stranger:Negative")
"""


def test_a_strangers_installed_plug_in_is_found(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "stranger.py").write_text(PLUGIN)
    metadata = tmp_path / "stranger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tokenbench.tokenizers]\nstranger = stranger:CARD\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tokenbench.cli as c; sys.exit(c.run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "eval", "--tokenizer", "negative", "--dataset", str(folder), "--out", "run"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "run/result.json").read_text())["metrics"]["psnr"]["value"] > 180


def test_every_clip_of_a_data_set_is_described(folder: Path, tokenbench: Command) -> None:
    (folder / "broken.mp4").write_bytes(b"")
    outcome = tokenbench("list", "clips", folder)
    assert outcome.code == 0
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == [
        "id",
        "broken.mp4",
        "even.mkv",
        "odd.mkv",
        "photo.png",
    ]
    outcome = tokenbench("list", "clips", folder, "--probe")
    assert outcome.code == 1
    assert "failed: broken.mp4: " in outcome.err
    assert outcome.out.splitlines()[1:] == [
        "even.mkv\tclips\t-\t?\t25\t80x64\t0",
        "odd.mkv\tclips\t-\t?\t25\t93x67\t0",
        "photo.png\tclips\t-\t1\t0\t102x77\t0",
    ]
    outcome = tokenbench("list", "clips", f"folder:{folder}", "--probe", "--json", "--limit", 2)
    (line,) = outcome.out.splitlines()
    assert json.loads(line)["height"] == 64


def test_rides_are_described_as_they_are_shown(mini: dict[str, Clip], tokenbench: Command, tmp_path: Path) -> None:
    turns = {"00000000-00000001": 0, "0000000a-00000002": 90, "0000000b-00000003": 180, "0000000c-00000004": 270}
    for name, turn in turns.items():
        # Its option counts the other way round.
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", str(-turn)]
        command += ["-i", str(mini["carphone"].path), "-c", "copy", "-frames:v", "2", str(tmp_path / f"{name}.mov")]
        subprocess.run(command, check=True)
    outcome = tokenbench("list", "clips", f"bdd100k:{tmp_path}", "--probe", "--json")
    assert outcome.code == 0
    clips = [json.loads(line) for line in outcome.out.splitlines()]
    assert {clip["id"]: clip["rotation"] for clip in clips} == turns
    assert [(clip["height"], clip["width"]) for clip in clips] == [(144, 176), (176, 144)] * 2
    assert [clip["source"] for clip in clips] == [name[:8] for name in turns]
    assert {(clip["domain"], clip["frames"]) for clip in clips} == {("bdd100k", 2)}


def test_a_hostile_name_stays_on_its_line(folder: Path, tokenbench: Command) -> None:
    (folder / "even.mkv").rename(folder / "-a\tb\nc\x1b[2J.mkv")
    for options in ((), ("--probe",), ("--json",)):
        outcome = tokenbench("list", "clips", folder, *options)
        assert outcome.code == 0
        assert len(outcome.out.splitlines()) == (3 if options == ("--json",) else 4)
        assert "\x1b" not in outcome.out
    next(folder.glob("-a*")).write_bytes(b"")
    outcome = tokenbench("list", "clips", folder, "--probe")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1
    assert "\x1b" not in outcome.err
