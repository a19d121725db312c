from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from tests_support import Outcome, write_video

from tokenbench.datasets.building.build import STATE, locked_build
from tokenbench.datasets.catalog import open_dataset
from tokenbench.engine.shard import parse_shard

Command = Callable[..., Outcome]

BDD = [f"{number:08x}-0000000{number % 10}" for number in range(12)]

PROTOCOL = """
schema = "tokenbench.build/1"
name = "small"
version = 1
about = "three rides of twelve, half a second each"
seed = 4
images = "native"
[video]
seconds = 0.5
even = true
storage = "h264-crf17"
[sets.bdd100k]
choose = "random"
scenes = 3
reserves = 4
"""


@pytest.fixture
def bdd(tmp_path: Path, carphone: NDArray[np.uint8]) -> Path:
    """Twelve rides, cut from one clip at different places."""
    root = tmp_path / "raw"
    for number, name in enumerate(BDD):
        split = ("train", "val", "test")[number % 3]
        path = write_video(tmp_path / "video.mkv", carphone[number : number + 12, :67, : 80 + 2 * number], 10.0)
        (root / "bdd100k/videos" / split).mkdir(parents=True, exist_ok=True)
        path.rename(root / "bdd100k/videos" / split / f"{name}.mov")
    return root


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(PROTOCOL)
    return path


def manifest(out: Path, name: str = "bdd100k") -> dict[str, Any]:
    return tomllib.loads((out / f"{name}.toml").read_text())


def contents(folder: Path) -> dict[str, str]:
    """Every file but what a build keeps for itself, by its digest."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".build" not in path.parts
    }


def test_a_draw_is_built_verified_and_evaluated(bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "built"
    outcome = tokenbench("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", out, "--workers", 1)
    assert outcome.code == 0, outcome.err
    assert "bdd100k: 3 of 3 clips" in outcome.out
    table = manifest(out)
    assert table["name"] == "bdd100k-small"
    assert (table["build"]["chosen"], table["build"]["seed"], table["build"]["wanted"]) == ("random", 4, 3)
    assert set(table["build"]["versions"]) >= {"tokenbench", "av", "libavcodec", "pillow"}
    for clip in table["clips"]:
        source = bdd / clip["origin"]["file"]
        assert clip["origin"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
        assert clip["sha256"] == hashlib.sha256((out / clip["file"]).read_bytes()).hexdigest()
        assert (clip["frames"], clip["fps"], clip["height"], clip["width"] % 2) == (5, 10.0, 66, 0)
    assert tokenbench("verify", out, f"bdd100k:{bdd}", "--workers", 1).code == 0
    for dataset in (out, out / "bdd100k.toml"):
        run = tmp_path / "run" / dataset.stem
        assert tokenbench("eval", "--tokenizer", "identity", "--dataset", dataset, "--out", run).code == 0
        result = json.loads((run / "result.json").read_text())
        assert (result["dataset"]["name"], result["dataset"]["clips"]) == ("bdd100k-small", 3)


def test_the_same_bytes_whatever_the_number_of_workers(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    built = []
    for number, workers in enumerate((1, 2)):
        out = tmp_path / f"built {number}"
        command = ("build-dataset", f"bdd100k:{bdd}", f"folder:{bdd}", "--protocol", protocol, "--out", out)
        assert tokenbench(*command, "--workers", workers).code == 0
        built.append(contents(out))
    assert len(built[0]) == 1 + 3 + 1 + 12
    assert built[0] == built[1]


def test_shards_of_a_build_end_in_the_same_bytes(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--workers", 1)
    assert tokenbench(*command, "--out", tmp_path / "whole").code == 0
    for number in (1, 2):
        outcome = tokenbench(*command, "--out", tmp_path / "shared", "--shard", f"{number}/2")
        assert outcome.code == 0, outcome.err
        assert f"shard {number}/2 is done, 0 clips left out" in outcome.out
        assert not (tmp_path / "shared/bdd100k.toml").exists()
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "shared/bdd100k").iterdir()}
    assert len(made) == 3
    assert tokenbench(*command, "--out", tmp_path / "shared").code == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")


def test_another_storage_takes_the_first_ones_place_and_is_not_built_twice(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--workers", 1, "--out", out)
    assert tokenbench(*command).code == 0
    assert {path.suffix for path in (out / "bdd100k").iterdir()} == {".mp4"}
    assert tokenbench(*command, "--storage", "lossless").code == 0
    made = {path: path.stat().st_mtime_ns for path in (out / "bdd100k").iterdir()}
    assert [path.suffix for path in made] == [".mkv"] * 3
    assert tokenbench(*command, "--storage", "lossless").code == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "bdd100k").iterdir()} == made


def test_a_build_and_a_shard_of_it_keep_apart(bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path) -> None:
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--workers", 1, "--out", tmp_path / "out")
    shard, other = parse_shard("1/2"), ("--shard", "2/2")
    with locked_build(tmp_path / "out", shard):
        assert "another build is writing there" in tokenbench(*command).message
        assert "another build is writing there" in tokenbench(*command, "--shard", "1/2").message
        assert tokenbench(*command, *other).code == 0
    with locked_build(tmp_path / "out"):
        assert "another build is writing there" in tokenbench(*command, *other).message


def test_shards_that_start_at_the_same_time_do_not_take_each_other_for_a_build(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with locked_build(out, parse_shard("1/2")):
        pass
    # As another shard has it, for the moment in which it looks whether somebody builds.
    look = FileLock(out / STATE / "lock", thread_local=False)
    look.acquire()
    Timer(0.2, look.release).start()
    with locked_build(out, parse_shard("2/2")):
        assert not look.is_locked


def test_broken_videos_are_replaced_by_reserves_drawn_in_advance(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--workers", 1)
    assert tokenbench(*command, "--out", tmp_path / "whole").code == 0
    first = [clip["id"] for clip in manifest(tmp_path / "whole")["clips"]]
    next(bdd.rglob(f"{first[1]}.mov")).write_bytes(b"")
    out = tmp_path / "repaired"
    outcome = tokenbench(*command, "--out", out)
    assert outcome.code == 0
    assert "3 of 3 clips, 1 failed, 1 replaced by reserves" in outcome.out
    table = manifest(out)
    assert {first[0], first[2]} < {clip["id"] for clip in table["clips"]}
    (left_out,) = table["build"]["left_out"]
    assert left_out["clip"] == first[1]
    assert "the file is empty" in left_out["because"]
    assert str(tmp_path) not in (out / "bdd100k.toml").read_text()
    for path in bdd.rglob("*.mov"):
        path.write_bytes(b"")
    outcome = tokenbench(*command, "--out", tmp_path / "none")
    assert outcome.code == 1
    assert "0 of 3 clips, 7 failed\n" in outcome.out


def test_a_second_build_does_only_what_is_missing_or_changed(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "built"
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", out, "--workers", 1)
    tokenbench(*command)
    before = contents(out)
    clips = [out / clip["file"] for clip in manifest(out)["clips"]]
    stamps = [path.stat().st_mtime_ns for path in clips]

    def rebuilt() -> list[bool]:
        nonlocal stamps
        assert tokenbench(*command).code == 0
        earlier, stamps = stamps, [path.stat().st_mtime_ns for path in clips]
        return [one != other for one, other in zip(earlier, stamps, strict=True)]

    assert rebuilt() == [False, False, False]
    clips[0].unlink()
    assert rebuilt() == [True, False, False]
    clips[1].write_bytes(b"damaged")
    assert rebuilt() == [False, True, False]
    assert contents(out) == before
    source = bdd / manifest(out)["clips"][2]["origin"]["file"]
    source.touch()
    assert rebuilt() == [False, False, False]
    shutil.copy(bdd / manifest(out)["clips"][0]["origin"]["file"], source)
    assert rebuilt() == [False, False, True]
    assert contents(out) != before


def test_a_change_of_protocol_leaves_nothing_of_the_old_one(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "built"
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", out, "--workers", 1)
    tokenbench(*command)
    assert tokenbench(*command, "--seed", 5, "--storage", "lossless").code == 0
    table = manifest(out)
    assert table["build"]["protocol"] == "small+storage-lossless+seed-5"
    assert {f"bdd100k/{path.name}" for path in (out / "bdd100k").iterdir()} == {clip["file"] for clip in table["clips"]}
    assert {path.suffix for path in (out / "bdd100k").iterdir()} == {".mkv"}
    assert tokenbench("verify", out, "--workers", 1).code == 0


def test_a_killed_build_goes_on_and_ends_as_if_nothing_had_happened(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "built"
    command = ["build-dataset", f"folder:{bdd}", "--protocol", str(protocol), "--out", str(out), "--workers"]
    code = f"from tokenbench.cli import run\nif __name__ == '__main__':\n    run({[*command, '2']})"
    script = tmp_path / "script.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, start_new_session=True) as build:
        while not list((out / ".build").rglob("*.json")):
            assert build.poll() is None
            time.sleep(0.01)
        os.killpg(build.pid, signal.SIGKILL)
    assert not (out / "raw.toml").exists()
    assert tokenbench(*command, 1).code == 0
    undisturbed = tmp_path / "undisturbed"
    assert tokenbench(*command[:4], "--out", undisturbed, "--workers", 1).code == 0
    assert contents(out) == contents(undisturbed)


def test_what_a_reviewer_drops_is_left_out_of_the_next_build(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "built"
    command = ("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", out, "--workers", 1)
    tokenbench(*command)
    gone = manifest(out)["clips"][0]
    decision = {gone["id"]: {"choice": "drop", "reason": "a logo", "sha256": gone["sha256"]}}
    (out / "decisions.json").write_text(
        json.dumps({"schema": "tokenbench.decisions/1", "decisions": {"bdd100k": decision}})
    )
    assert tokenbench(*command).code == 0
    table = manifest(out)
    assert len(table["clips"]) == 3
    assert gone["id"] not in {clip["id"] for clip in table["clips"]}
    assert table["build"]["left_out"] == [{"clip": gone["id"], "because": "dropped: a logo"}]
    assert not (out / gone["file"]).exists()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "built"
    outcome = tokenbench("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", out, "--dry-run")
    assert outcome.code == 0
    row = next(line for line in outcome.out.splitlines() if line.startswith("bdd100k"))
    assert row.split()[:5] == ["bdd100k", "3", "0", "0", "15"]
    assert "GB" in row
    assert not out.exists()


def test_a_build_of_another_process_is_not_disturbed(
    bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    from filelock import FileLock

    out = tmp_path / "built"
    (out / ".build").mkdir(parents=True)
    with FileLock(out / ".build/lock"):
        outcome = tokenbench("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", out)
    assert outcome.code == 2
    assert "another build is writing there" in outcome.message


def test_verify_names_everything_that_is_wrong(bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "built"
    tokenbench("build-dataset", f"folder:{bdd}", "--protocol", protocol, "--out", out, "--workers", 1)
    clips = manifest(out, "raw")["clips"]
    first, second, third = (out / clip["file"] for clip in clips[:3])
    first.unlink()
    content = bytearray(second.read_bytes())
    content[-1] ^= 1
    second.write_bytes(content)
    (out / "raw/other.mp4").write_bytes(b"x")
    shutil.copy(third, out / clips[4]["file"])
    (bdd / clips[5]["origin"]["file"]).write_bytes(b"another file")
    outcome = tokenbench("verify", out, f"folder:{bdd}", "--workers", 1)
    assert outcome.code == 1
    wrong = [line for line in outcome.err.splitlines() if line.startswith("wrong: ")]
    assert any("is missing" in line and clips[0]["id"] in line for line in wrong)
    assert any("has sha256" in line and clips[1]["id"] in line for line in wrong)
    assert any("other.mp4: is in no manifest" in line for line in wrong)
    assert any("the manifest says" in line and clips[4]["id"] in line for line in wrong)
    assert any("its source" in line and clips[5]["id"] in line for line in wrong)
    assert not any(clips[2]["id"] in line or clips[6]["id"] in line for line in wrong)
    assert "12 clips checked, 5 wrong" in outcome.out


def test_hostile_names_become_plain_files(carphone: NDArray[np.uint8], tokenbench: Command, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    names = [
        "a 'quoted' \"name\".mkv",
        "new\nline.mkv",
        "-rf.mkv",
        "Zürich/\N{SNOWMAN}.mkv",
        "%2e%2e.mkv",
        ".hidden/x.mkv",
    ]
    for name in names:
        write_video(raw / name, carphone[:3, :16, :16])
    (raw / "circle").symlink_to(raw)
    (raw / "gone.mp4").symlink_to("nowhere")
    (raw / "empty.mp4").write_bytes(b"")
    (raw / "sound.mp4").write_bytes((raw / "-rf.mkv").read_bytes()[:300])
    Image.fromarray(carphone[0]).save(raw / "photo.jpg")
    out = tmp_path / "built"
    outcome = tokenbench("build-dataset", f"folder:{raw}", "--protocol", "native", "--out", out, "--workers", 1)
    assert outcome.code == 1
    assert "raw: 6 of 9 clips, 3 failed" in outcome.out
    assert sum(line.startswith("left out: ") for line in outcome.err.splitlines()) == 3
    assert len(open_dataset(str(out)).clips) == 6
    assert all(path.parent == out / "raw" for path in out.rglob("*.mkv"))
    assert tokenbench("verify", out, "--workers", 1).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing:x",), "'nothing:x' is not SET:FOLDER"),
        (("bdd100k",), "'bdd100k' is not SET:FOLDER"),
        (("bdd100k:{raw}",), "fetch it from its authors' repository"),
        (("bdd100k:{raw}", "--protocol", "txt"), "did you mean 'text'"),
        (("bdd100k:{raw}", "--protocol", "text", "--storage", "mpeg"), "unknown storage 'mpeg'"),
        (("bdd100k:{raw}", "bdd100k:{raw}", "--protocol", "text"), "would both be built as 'bdd100k'"),
        (("bdd100k:{raw}", "--official-list", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    arguments: tuple[str, ...], message: str, bdd: Path, tokenbench: Command, tmp_path: Path
) -> None:
    given = [argument.format(raw=bdd) for argument in arguments]
    outcome = tokenbench("build-dataset", *given, "--out", tmp_path / "built")
    assert outcome.code == 2
    assert message in outcome.message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seconds = 0.5", "secnds = 0.5", "did you mean 'seconds'"),
        ("[sets.bdd100k]", "[sets.bdd]", "[sets.bdd] is no data set"),
        ('"random"', '"some"', "choose is 'some'"),
        ("scenes = 3", "", "draws no scenes"),
        ("version = 1", "", "lacks version"),
        ("build/1", "build/9", "schema is 'tokenbench.build/9'"),
        ("reserves = 4", "reserves = 4\nscreening = {max_blurr = 1}", "did you mean max_blur"),
        ('"native"', '"nativ"', "did you mean 'native'"),
        ("[video]", "[video", "not a readable protocol"),
    ],
)
def test_a_faulty_protocol_is_one_line(
    old: str, new: str, message: str, bdd: Path, protocol: Path, tokenbench: Command, tmp_path: Path
) -> None:
    protocol.write_text(PROTOCOL.replace(old, new, 1))
    outcome = tokenbench("build-dataset", f"bdd100k:{bdd}", "--protocol", protocol, "--out", tmp_path / "built")
    assert outcome.code == 2
    assert message in outcome.message
