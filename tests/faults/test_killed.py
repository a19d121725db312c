"""What processes that were killed leave behind does no harm, and goes; `benchmarks/soak_faults.py` kills in earnest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from faults_support import building, contents, is_temporary, scoring
from tests_support import Outcome
from training_support import write_recipe

from tokenbench.files import remove_unfinished, whole_file

Command = Callable[..., Outcome]


def leave_unfinished(path: Path) -> None:
    """What a process leaves that is killed while it writes a file."""
    other = path.with_name(f"other{path.suffix}")
    with whole_file(other) as temporary:
        temporary.write_bytes(b"half")
        shutil.copy(temporary, path.parent / temporary.name.replace("other", path.stem))
    other.unlink()


def test_only_temporary_files_are_removed(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in (".lock", ".hidden-file", "a.part", "a-b.part.mkv", "below/.a-12345678.part")]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    leave_unfinished(tmp_path / "clip.mkv")
    leave_unfinished(tmp_path / "no suffix")
    remove_unfinished(tmp_path, tmp_path / "missing")
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_a_run_removes_what_a_killed_one_left(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    assert tokenbench(*scoring(clips, tmp_path / "whole", "--save-reconstructions")).code == 0
    out = tmp_path / "run"
    for name in ("clips.csv", "samples/000000-000002-reference.png", "reconstructions/deep/a.mkv"):
        leave_unfinished(out / name)
    assert tokenbench(*scoring(clips, out, "--save-reconstructions")).code == 0
    assert contents(out) == contents(tmp_path / "whole")


def test_one_picture_of_a_pair_is_no_sample(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert tokenbench(*scoring(clips, out)).code == 0
    expected = contents(out)
    for role in ("reference", "reconstruction"):
        shutil.copy(next((out / "samples").glob(f"*-{role}.png")), out / f"samples/000007-000002-{role}.png")
        assert tokenbench(*scoring(clips, out)).code == 0
        assert contents(out) == expected


def test_a_build_with_half_a_manifest_is_read_and_built_again(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "built"
    assert tokenbench(*building(clips, out)).code == 0
    expected = contents(out)
    leave_unfinished(out / "clips.toml")
    assert tokenbench("verify", out, "--workers", 1).code == 0
    assert tokenbench("eval", "--tokenizer", "identity", "--dataset", out, "--out", tmp_path / "run").code == 0
    for name in ("clips/a.mkv", ".build/clips/a.json", "screening/clips.json"):
        leave_unfinished(out / name)
    assert tokenbench(*building(clips, out)).code == 0
    assert contents(out) == expected


def test_a_training_and_a_report_remove_what_killed_ones_left(
    tokenbench: Command, clips: Path, folder: Path, tmp_path: Path
) -> None:
    command = ("train", write_recipe(tmp_path, folder), "--set", "steps=1", "--out", tmp_path / "trained")
    for name in ("checkpoints/step-00000002.safetensors", "best/autoencoder.safetensors", "log.jsonl"):
        leave_unfinished(tmp_path / "trained" / name)
    assert tokenbench(*command).code == 0
    assert tokenbench(*scoring(clips, tmp_path / "run")).code == 0
    for name in ("index.html", "plots/one.svg"):
        leave_unfinished(tmp_path / "report" / name)
    assert tokenbench("report", tmp_path / "run", "--out", tmp_path / "report").code == 0
    for place in ("trained", "report"):
        assert not any(map(is_temporary, (tmp_path / place).rglob("*")))
    assert not (tmp_path / "report/.lock").exists()


ORPHANS = """
import os, sys
from pathlib import Path
from pool_support import sleep
from tokenbench.engine import Processes, always

if __name__ == "__main__":
    list(Processes(2).run(always(sleep), [Path(name) for name in sys.argv[1:]]))
"""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script, begun = tmp_path / "script.py", [tmp_path / "a", tmp_path / "b"]
    script.write_text(textwrap.dedent(ORPHANS))
    # The workers hold the pipe open as long as they live.
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, begun)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    while process.poll() is None and not all(path.exists() for path in begun):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    # Their tasks would take ten minutes.
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (-signal.SIGKILL, b"")
