"""Commands that are killed at random moments, again and again, and end as if nothing had happened.

    python benchmarks/soak_faults.py [--rounds N] [--only eval,workers,shards,build,train,report] [--seed N]

In each round a command starts in an empty folder; up to five times its whole process group is killed (kill -9), at a
moment that is drawn over the time that it takes undisturbed, and it is started again. What it leaves in the end is
compared with what the undisturbed one left, byte by byte. A command runs in a fork of this process, which has imported
all it needs: kills hit the work, and not the loading of libraries. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Before libraries are loaded: training is the same bit for bit on the same number of threads alone.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from tokenbench.cli import run
from tokenbench.datasets.catalog import open_dataset
from tokenbench.media.image import write_png
from tokenbench.media.writer import LosslessWriter

KILLS_A_ROUND = 5

# What the commands import when they are called.
LOADED = (
    *("tokenbench.cli.eval", "tokenbench.cli.merge", "tokenbench.cli.show", "tokenbench.evaluation.runner"),
    *("tokenbench.datasets.building.build", "tokenbench.reporting.report", "tokenbench_cosmos.training.session"),
)

# What differs from run to run by nature: times, the order of parts that workers finish, and what only a run itself
# reads. A temporary file that was left behind counts in any case.
PRIVATE = {"journal.jsonl", ".lock", "attached", "shards", ".build", "checkpoints", "cache"}
UNSTABLE = {"result.json": ("environment", "crc32"), "training.json": ("date", "seconds")}

PROTOCOL = """
schema = "tokenbench.build/1"
name = "small"
version = 1
about = "everything, half a second each"
images = "native"
sets = {}
[video]
seconds = 0.5
even = true
storage = "h264-crf17"
"""

RECIPE = """
name = "small"
steps = 8
ema = 0.9
[network]
variant = "CV4x8x8"
channels = 8
encoder_blocks = 1
decoder_blocks = 1
[data]
sources = ["{clips}"]
frames = 5
height = 32
width = 48
batch = 1
short_side = [48, 64]
image_size = 32
image_batch = 1
image_short_side = [40, 64]
workers = 0
cache = "cache"
[losses]
perceptual = "none"
[optimiser]
lr = 1e-3
warmup = 3
[checkpoints]
every = 2
keep = 99
[evaluation]
dataset = "{unseen}"
every = 4
frames = 5
[logging]
tensorboard = false
"""


@dataclass(frozen=True)
class Case:
    """One command line, or several one after the other.

    Args:
        lines: arguments of `tokenbench`.
        out: folder that they write, in the folder that they run in.
        finished: pieces of work that a folder holds, with what tells whether a piece was done again.
    """

    lines: Sequence[Sequence[str]]
    out: str
    finished: Callable[[Path], dict[str, object]]


@dataclass
class Tally:
    """What came of a command's rounds."""

    seconds: float
    rounds: int = 0
    moments: list[float] = field(default_factory=list)
    kept: int = 0
    lost: int = 0
    differing: list[str] = field(default_factory=list)


def cases(place: Path) -> dict[str, Case]:
    """The commands, over small inputs that are made in a folder."""
    clips, unseen, runs = place / "clips", place / "unseen", place / "runs"
    carphone = next(clip for clip in open_dataset("mini").clips if clip.id == "carphone")
    frames = np.concatenate(list(carphone.chunks(24, frames=24)))
    write_clip(clips / "a.mkv", frames[:14, :64, :80])
    write_clip(clips / "b.mkv", frames[5:16, :66, :94])
    write_png(clips / "c.png", frames[20, :77, :102])
    write_clip(unseen / "d.mkv", frames[14:23, 60:130, 70:150])
    (place / "small.toml").write_text(PROTOCOL)
    (place / "recipe.toml").write_text(RECIPE.format(clips=clips, unseen=unseen))
    scoring = ["eval", "--tokenizer", "haar-4x8x8", "--dataset", str(clips), "--metrics", "psnr,ssim,flicker"]
    keeping = [*scoring, "--save-reconstructions", "--out", "run"]
    for tokenizer in ("haar-4x8x8", "identity"):
        command = ["eval", "--tokenizer", tokenizer, "--dataset", str(clips), "--out", str(runs / tokenizer)]
        finish(start([command], place))
    building = ["build-dataset", f"folder:{clips}", "--protocol", str(place / "small.toml"), "--workers", "1"]
    return {
        "eval": Case([keeping], "run", lines_of_journals),
        "workers": Case([[*keeping, "--workers", "2"]], "run", lines_of_journals),
        "shards": Case(
            [*([*scoring, "--out", "run", "--shard", part] for part in ("1/2", "2/2")), ["merge", "run"]],
            "run",
            lines_of_journals,
        ),
        "build": Case([[*building, "--out", "built"]], "built", times_of(".build/*/*.json")),
        "train": Case([["train", str(place / "recipe.toml"), "--out", "run"]], "run", times_of("checkpoints/*")),
        "report": Case([["report", *map(str, sorted(runs.iterdir())), "--out", "out"]], "out", lambda out: {}),
    }


def write_clip(path: Path, frames: np.ndarray) -> None:
    """Frames as a lossless video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    with LosslessWriter(path, height, width, 25.0) as writer:
        writer.write(frames)


def lines_of_journals(out: Path) -> dict[str, object]:
    """A clip that is in a journal is never scored again: its line stays where it is."""
    return {
        f"{path.relative_to(out)}:{number}": line
        for path in out.rglob("journal.jsonl")
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True))
        if line.endswith(b"\n")
    }


def times_of(pattern: str) -> Callable[[Path], dict[str, object]]:
    """Files that are not written again once they are there."""
    return lambda out: {str(path): path.stat().st_mtime_ns for path in out.glob(pattern) if path.name[0] != "."}


def soak(case: Case, place: Path, rounds: int, draw: random.Random) -> Tally:
    """Kill a command in so many rounds."""
    # The first one fills caches, which would make it slow.
    for name in ("warm", "whole"):
        (place / name).mkdir(parents=True)
        began = time.monotonic()
        finish(start(case.lines, place / name))
    tally = Tally(time.monotonic() - began)
    expected = contents(place / "whole" / case.out)
    for number in range(rounds):
        folder = place / f"round-{number}"
        folder.mkdir()
        tally.differing += [f"{folder}: {what}" for what in torment(case, folder, tally, expected, draw)]
        tally.rounds += 1
    return tally


def torment(case: Case, folder: Path, tally: Tally, expected: dict[str, bytes], draw: random.Random) -> list[str]:
    """One round; what differs in the end."""
    out = folder / case.out
    done: dict[str, object] = {}
    for _ in range(KILLS_A_ROUND):
        moment = draw.uniform(0, tally.seconds)
        child = start(case.lines, folder)
        if ended(child, moment):
            break
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        tally.moments.append(moment / tally.seconds)
        before, done = done, case.finished(out)
        tally.lost += sum(done.get(name) != known for name, known in before.items())
    finish(start(case.lines, folder))
    final = case.finished(out)
    tally.kept += len(done)
    tally.lost += sum(final.get(name) != known for name, known in done.items())
    found = contents(out)
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def start(lines: Sequence[Sequence[str]], folder: Path) -> int:
    """Command lines in a process group of their own; its number."""
    child = os.fork()
    if child:
        os.setpgid(child, child)
        return child
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = max(run(list(line)) for line in lines)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int, seconds: float) -> bool:
    """Whether a process ends by itself, and well, within so many seconds."""
    until = time.monotonic() + seconds
    while True:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            succeed(child, status)
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.002)


def finish(child: int) -> None:
    """Wait for a process to end well."""
    succeed(child, os.waitpid(child, 0)[1])


def succeed(child: int, status: int) -> None:
    """Stop everything where a command has failed."""
    if status:
        raise SystemExit(f"process {child} ended with {os.waitstatus_to_exitcode(status)}; see log.txt in its folder")


def contents(out: Path) -> dict[str, bytes]:
    """Every file of a folder that is the same from run to run, without what differs by nature."""
    files = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out)
        if set(name.parts) & PRIVATE and ".part" not in path.name:
            continue
        files[str(name)] = path.read_bytes()
        if path.name in UNSTABLE:
            table = json.loads(files[str(name)])
            files[str(name)] = json.dumps({k: v for k, v in table.items() if k not in UNSTABLE[path.name]}).encode()
    return files


def row(name: str, tally: Tally) -> str:
    """One line of the table; kills by the third of the command's time that they fell in."""
    thirds = [sum(part / 3 <= moment < (part + 1) / 3 for moment in tally.moments) for part in range(3)]
    counts = (tally.kept, tally.lost, len(tally.differing))
    cells = [name, f"{tally.seconds:.1f}", tally.rounds, len(tally.moments), "/".join(map(str, thirds)), *counts]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Print a table; 1 where anything was lost or differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=14, help="of each command")
    parser.add_argument("--only", default="", metavar="NAME,...")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for module in LOADED:
        importlib.import_module(module)
    place = Path(tempfile.mkdtemp(prefix="tokenbench-soak-"))
    chosen = cases(place)
    names = arguments.only.split(",") if arguments.only else list(chosen)
    bad = 0
    print("| command | seconds | rounds | kills | by thirds | finished pieces | done again | differing results |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in names:
        tally = soak(chosen[name], place / name, arguments.rounds, random.Random(f"{arguments.seed} {name}"))
        print(row(name, tally), flush=True)
        for line in tally.differing:
            print(f"differs: {line}", file=sys.stderr)
        bad += tally.lost + len(tally.differing)
    if bad:
        print(f"what was written is in {place}", file=sys.stderr)
        return 1
    shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
