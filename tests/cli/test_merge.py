from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks_support import i3d_file, inception_file
from numpy.typing import NDArray
from tests_support import Outcome, write_video

from tokenbench.sealed import unseal

Command = Callable[..., Outcome]

TABLES = ("clips.csv", "frames.csv")


@pytest.fixture
def clips(folder: Path, carphone: NDArray[np.uint8]) -> Path:
    """Five clips, one of them damaged."""
    write_video(folder / "third.mkv", carphone[3:14, :48, :64])
    (folder / "torn.mkv").write_bytes((folder / "odd.mkv").read_bytes()[:400])
    return folder


def result_of(run: Path) -> dict[str, Any]:
    """Without where and by which command it was made."""
    result = unseal((run / "result.json").read_text())
    del result["environment"]
    return result


def assert_same(run: Path, other: Path) -> None:
    assert result_of(run) == result_of(other)
    for name in TABLES:
        assert (run / name).read_bytes() == (other / name).read_bytes()
    pictures = [{path.name: path.read_bytes() for path in (each / "samples").iterdir()} for each in (run, other)]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("count", [2, 7])
def test_shards_are_merged_into_the_result_of_one_run(
    tokenbench: Command, clips: Path, tmp_path: Path, count: int
) -> None:
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", clips, "--metrics", "psnr,ssim,flicker")
    assert tokenbench(*command, "--out", tmp_path / "whole").code == 1
    for number in range(count, 0, -1):
        code = tokenbench(*command, "--out", tmp_path / "shared", "--shard", f"{number}/{count}").code
        assert code in (0, 1)
    outcome = tokenbench("merge", tmp_path / "shared")
    assert outcome.code == 1, outcome.err
    assert [failure["clip"] for failure in result_of(tmp_path / "shared")["failed"]] == ["torn.mkv"]
    assert_same(tmp_path / "shared", tmp_path / "whole")
    environment = json.loads((tmp_path / "shared/result.json").read_text())["environment"]
    assert [each["shard"] for each in environment["shards"]] == [f"{number}/{count}" for number in range(1, count + 1)]


def test_distances_of_sets_are_those_of_one_run(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    networks = {"inception-fid": inception_file(tmp_path), "i3d-kinetics400": i3d_file(tmp_path)}
    named = [text for name, path in networks.items() for text in ("--network", f"{name}={path}")]
    # As few frames as the network of clips takes.
    command = ("eval", "--tokenizer", "jpeg-q30", "--dataset", folder, "--metrics", "psnr,fid,fvd", *named)
    command += ("--frames", 9)
    assert tokenbench(*command, "--out", tmp_path / "whole").code == 0
    for shard in ("2/2", "1/2"):
        assert tokenbench(*command, "--out", tmp_path / "shared", "--shard", shard).code == 0
    assert tokenbench("merge", tmp_path / "shared").code == 0
    whole, shared = result_of(tmp_path / "whole"), result_of(tmp_path / "shared")
    for kind, metric in (("video", "fid"), ("video", "fvd"), ("video", "kid")):
        expected, value = (each["media"][kind]["metrics"][metric] for each in (whole, shared))
        assert value["value"] == pytest.approx(expected["value"], rel=1e-9)
        assert value["ci95"] == pytest.approx(expected["ci95"], rel=1e-9)


def test_shards_of_several_machines_are_merged_elsewhere(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", clips)
    tokenbench(*command, "--out", tmp_path / "whole")
    copies = []
    for number in (1, 2):
        tokenbench(*command, "--out", tmp_path / f"machine{number}", "--shard", f"{number}/2")
        copies.append(tmp_path / f"copy{number}")
        shutil.move(tmp_path / f"machine{number}/shards/{number}-of-2", copies[-1])
    assert tokenbench("merge", *copies, "--out", tmp_path / "merged").code == 1
    assert_same(tmp_path / "merged", tmp_path / "whole")


def test_what_another_number_of_shards_has_done_is_not_done_again(
    tokenbench: Command, clips: Path, tmp_path: Path
) -> None:
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", clips, "--out", tmp_path / "run")
    tokenbench(*command, "--shard", "1/2")
    for number in (1, 2, 3):
        tokenbench(*command, "--shard", f"{number}/3")
    done = [
        json.loads(line)["clip"]
        for journal in sorted((tmp_path / "run").glob("shards/*/journal.jsonl"))
        for line in journal.read_text().splitlines()[1:]
    ]
    assert sorted(done) == ["even.mkv", "odd.mkv", "photo.png", "third.mkv"]
    assert tokenbench("merge", tmp_path / "run").code == 1


def test_an_incomplete_set_of_shards_is_refused(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", clips, "--out", tmp_path / "run")
    tokenbench(*command, "--shard", "1/2")
    outcome = tokenbench("merge", tmp_path / "run")
    assert outcome.code == 2
    assert "2 clips are missing, odd.mkv first" in outcome.message
    assert "1-of-2 do not cover the data set" in outcome.message
    tokenbench(*command, "--shard", "2/2")
    (tmp_path / "run/shards/2-of-2/shard.json").unlink()
    journal = tmp_path / "run/shards/2-of-2/journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert "2-of-2 has not ended; give its command again" in tokenbench("merge", tmp_path / "run").message
    tokenbench(*command, "--shard", "2/2")
    assert tokenbench("merge", tmp_path / "run").code == 1


def test_shards_of_which_none_has_ended_are_refused(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", clips, "--limit", 2, "--out", tmp_path / "run")
    # Killed behind its last clip, and in front of its end.
    tokenbench(*command, "--shard", "1/1")
    (tmp_path / "run/shards/1-of-1/shard.json").unlink()
    outcome = tokenbench("merge", tmp_path / "run")
    assert outcome.code == 2
    assert "all clips are scored: 1-of-1 has not ended; give its command again" in outcome.message
    tokenbench(*command, "--shard", "1/1")
    assert tokenbench("merge", tmp_path / "run").code == 0


def test_a_refused_merge_leaves_what_a_running_shard_writes(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("eval", "--tokenizer", "haar-4x8x8", "--dataset", clips, "--save-reconstructions", "--out", out)
    tokenbench(*command, "--shard", "1/2")
    half = out / "reconstructions/.odd-abcdefgh.part.mkv"
    half.touch()
    assert "2 clips are missing" in tokenbench("merge", out).message
    assert half.exists()
    tokenbench(*command, "--shard", "2/2")
    assert tokenbench("merge", out).code == 1
    assert not half.exists()


def test_shards_of_different_runs_are_refused(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    for number, tokenizer in ((1, "haar-4x8x8"), (2, "identity")):
        tokenbench(
            *("eval", "--tokenizer", tokenizer, "--dataset", clips),
            *("--out", tmp_path / str(number), "--shard", f"{number}/2"),
        )
    outcome = tokenbench("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "merged")
    assert outcome.code == 2
    assert "is of another run than" in outcome.message
    assert not (tmp_path / "merged/result.json").exists()


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_one_line(tokenbench: Command, clips: Path, text: str) -> None:
    outcome = tokenbench("eval", "--dataset", clips, "--shard", text)
    assert outcome.code == 2
    assert f"{text!r} is no shard" in outcome.message


def test_a_folder_without_shards_is_one_line(tokenbench: Command, tmp_path: Path) -> None:
    assert "holds no shards" in tokenbench("merge", tmp_path).message


def test_a_comparison_is_shared_out_too(tokenbench: Command, folder: Path, tmp_path: Path) -> None:
    made = ("eval", "--tokenizer", "jpeg-q30", "--dataset", folder, "--save-reconstructions", "--out", tmp_path / "e")
    assert tokenbench(*made).code == 0
    command = ("compare", folder, tmp_path / "e/reconstructions")
    assert tokenbench(*command, "--run", tmp_path / "whole").code == 0
    for number in (1, 2):
        assert tokenbench(*command, "--run", tmp_path / "shared", "--shard", f"{number}/2").code == 0
    assert tokenbench("merge", tmp_path / "shared").code == 0
    assert result_of(tmp_path / "shared") == result_of(tmp_path / "whole")
    assert tokenbench(*command, "--run", tmp_path / "workers", "--workers", 2).code == 0
    assert result_of(tmp_path / "workers") == result_of(tmp_path / "whole")
    outcome = tokenbench(*command, "--shard", "1/2")
    assert "--shard needs --run FOLDER" in outcome.message


def test_workers_score_what_one_process_scores(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    command = ("eval", "--tokenizer", "cosmos-di-8x8-mini", "--dataset", clips, "--frames", 3)
    assert tokenbench(*command, "--out", tmp_path / "one").code == 1
    assert tokenbench(*command, "--out", tmp_path / "two", "--workers", 2).code == 1
    assert_same(tmp_path / "two", tmp_path / "one")


def test_failures_are_listed_in_the_clips_order_whoever_fails_first(
    tokenbench: Command, clips: Path, tmp_path: Path
) -> None:
    # The second clip can only fail once the first one's worker has waited for it.
    own = tmp_path / "own.py"
    own.write_text(WAITS.format(place=str(tmp_path / "second")))
    command = ("eval", "--tokenizer", f"{own}:Waits", "--dataset", clips, "--limit", 2)
    assert tokenbench(*command, "--workers", 2, "--out", tmp_path / "run").code == 1
    assert [failure["clip"] for failure in result_of(tmp_path / "run")["failed"]] == ["even.mkv", "odd.mkv"]


WAITS = """
import time
from pathlib import Path

SECOND = Path({place!r})

class Waits:
    def encode(self, video):
        if video.shape[-1] == 80:
            while not SECOND.exists():
                time.sleep(0.01)
            time.sleep(0.5)
        else:
            SECOND.touch()
        raise ValueError("no")

    def decode(self, tokens):
        return tokens
"""


def test_several_tokenizers_are_scored_in_one_pass_as_they_are_alone(
    tokenbench: Command, clips: Path, tmp_path: Path
) -> None:
    names = ("haar-4x8x8", "jpeg-q30", "identity")
    command = ("eval", "--dataset", clips, "--save-reconstructions")
    outcome = tokenbench(*command, "--tokenizer", ",".join(names), "--out", tmp_path / "together")
    assert outcome.code == 1, outcome.err
    for name in names:
        assert tokenbench(*command, "--tokenizer", name, "--out", tmp_path / name).code == 1
        assert_same(tmp_path / "together" / name, tmp_path / name)
        for saved in (tmp_path / name / "reconstructions").iterdir():
            assert saved.read_bytes() == (tmp_path / "together" / name / "reconstructions" / saved.name).read_bytes()


def test_a_tokenizer_that_cannot_be_loaded_does_not_stop_the_others(
    tokenbench: Command, clips: Path, tmp_path: Path
) -> None:
    outcome = tokenbench("eval", "--tokenizer", "nobody,identity", "--dataset", clips, "--out", tmp_path / "runs")
    assert outcome.code == 1
    assert "failed: nobody: unknown tokenizer 'nobody'" in outcome.err
    assert (tmp_path / "runs/identity/result.json").is_file()


def test_a_rank_merges_the_others_where_one_tokenizer_is_refused(
    tokenbench: Command, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("eval", "--dataset", clips, "--limit", 1, "--shard", "1/1")
    out = tmp_path / "runs"
    # This folder belongs to a run of other frames then.
    assert tokenbench(*command, "--tokenizer", "identity", "--frames", 2, "--out", out / "identity").code == 0
    monkeypatch.setattr("tokenbench.engine.shard.is_to_merge", lambda shard: True)
    outcome = tokenbench(*command, "--tokenizer", "identity,haar-8x8", "--frames", 3, "--out", out)
    assert outcome.code == 1
    assert "failed: identity: " in outcome.err
    assert result_of(out / "haar-8x8")["dataset"]["frames"] == 3
    assert not (out / "identity/result.json").exists()


def test_a_rank_of_torchrun_is_a_shard_and_the_first_merges(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    command = ["eval", "--tokenizer", "haar-4x8x8", "--dataset", str(clips), "--frames", "5"]
    assert tokenbench(*command, "--out", tmp_path / "whole").code == 1
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ran = subprocess.run(
        [*launcher, "-m", "tokenbench", *command, "--out", str(tmp_path / "ranks")], capture_output=True, text=True
    )
    # A clip has failed, of which the first rank tells once the others have ended well.
    assert "exitcode  : 1" in ran.stderr
    assert_same(tmp_path / "ranks", tmp_path / "whole")
