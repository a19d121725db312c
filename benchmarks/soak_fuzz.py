"""Damaged files by the hundred through every parser, in processes of their own with a limit of time and of memory.

    python benchmarks/soak_fuzz.py --rounds 300
    python benchmarks/soak_fuzz.py --rounds 5000 --kinds video,image
    python benchmarks/soak_fuzz.py --kinds video --only 1234     # one damage again, with its traceback

A parser reads a damaged file, or refuses it with TokenBenchError. Any other exception or a dead process is a crash;
what takes longer than the limit hangs. The most memory is that of a parser's process above its own before the first
damage. Exit code 1 where anything crashed or hung.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz_support.corpus import kinds, write_corpus
from fuzz_support.parsers import PARSERS, attempt

SECONDS = 60
LOADING_SECONDS = 600
MEMORY_BYTES = 4 * 2**30
MIB = 2**20


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=300, help="damages of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first damage")
    parser.add_argument("--kinds", default=",".join(kinds()), help="of files, with commas between them")
    parser.add_argument("--only", type=int, help="one damage, in this process")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.kinds, options.worker, range(options.first, options.first + options.rounds))
        return 0
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        if options.only is not None:
            write_corpus(options.kinds, Path(place, "corpus"))
            print(attempt(options.kinds, Path(place, "corpus"), Path(place, "damaged"), options.only))
            return 0
        print("| files | tried | refused | read | crashed | hung | most memory (MiB) |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        faults = 0
        for kind in options.kinds.split(","):
            counts = soak(kind, Path(place, kind), options.first, options.rounds)
            cells = [sum(counts[name] for name in ("refused", "read", "crashed", "hung"))]
            cells += [counts[name] for name in ("refused", "read", "crashed", "hung", "memory")]
            print(f"| {kind} | {' | '.join(map(str, cells))} |", flush=True)
            faults += counts["crashed"] + counts["hung"]
    return 1 if faults else 0


def soak(kind: str, place: Path, first: int, rounds: int) -> Counter[str]:
    """All damages of a kind; after a crash or a hang a new process goes on with the next one."""
    write_corpus(kind, place / "corpus")
    counts: Counter[str] = Counter()
    done, end = first, first + rounds
    with tqdm(total=rounds, desc=kind, unit="file", disable=None) as progress:
        while done < end:
            process = start(kind, place, done, end - done)
            for line in lines_of(process):
                said = json.loads(line)
                if said["outcome"] == "crashed":
                    print(f"{kind} {said['number']}: {said['reason']}", file=sys.stderr)
                counts[said["outcome"]] += 1
                counts["memory"] = max(counts["memory"], said["bytes"] // MIB)
                done += 1
                progress.update()
            if done < end:
                outcome = "hung" if process.poll() is None else "crashed"
                print(f"{kind} {done}: {outcome}, exit code {process.poll()}", file=sys.stderr)
                process.kill()
                process.wait()
                counts[outcome] += 1
                done += 1
                progress.update()
    return counts


def start(kind: str, place: Path, first: int, rounds: int) -> subprocess.Popen[bytes]:
    """A process that works through some damages."""
    numbers = ["--first", str(first), "--rounds", str(rounds)]
    command = [sys.executable, __file__, "--kinds", kind, "--worker", str(place), *numbers]
    quiet = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **quiet}, bufsize=0
    )


def lines_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What a process says of its damages, until it ends or says nothing for too long."""
    assert process.stdout is not None
    rest, patience = b"", LOADING_SECONDS
    while select.select([process.stdout], [], [], patience)[0]:
        patience = SECONDS
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            process.wait()
            break
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in whole if line)


def work(kind: str, place: Path, numbers: range) -> None:
    """Every damage in this process; a line of JSON for each."""
    for whole in sorted((place / "corpus").iterdir()):
        # Loads what the parser needs, so that only the damage counts.
        PARSERS[kind](whole)
    # An empty line: it is loaded, and time counts from here.
    print(flush=True)
    # The most so far is forgotten: what loading took hides nothing.
    Path("/proc/self/clear_refs").write_text("5")
    before = memory()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    for number in numbers:
        outcome, reason = "", ""
        try:
            outcome = attempt(kind, place / "corpus", place / "damaged", number)
        except Exception as error:  # what a soak looks for
            outcome, reason = "crashed", f"{type(error).__name__}: {error}"[:300]
        said = {"number": number, "outcome": outcome, "reason": reason, "bytes": memory() - before}
        print(json.dumps(said), flush=True)


def memory() -> int:
    """The most that this process has had since it was loaded, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main())
