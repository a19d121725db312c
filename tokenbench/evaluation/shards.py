"""The shards of a run: what each has done, and how they become one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tokenbench.engine.shard import Shard, parse_shard
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.finish import finish
from tokenbench.evaluation.folder import SAMPLES, RunFolder
from tokenbench.evaluation.heading import Heading, read_heading
from tokenbench.evaluation.journal import read_journal
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import Failure, Result
from tokenbench.evaluation.samples import read_sample
from tokenbench.files import write_text
from tokenbench.sealed import seal, unseal

SHARDS = "shards"

_STATE = "shard.json"


@dataclass(frozen=True)
class ShardState:
    """What a shard says at its end.

    Args:
        shard: as `2/8`.
        failed: clips that could not be scored.
        environment: that it ran in.
    """

    shard: str
    failed: list[Failure]
    environment: dict[str, Any]


def end_shard(folder: Path, shard: Shard, failed: list[Failure], environment: dict[str, Any]) -> ShardState:
    """Keep in a shard's folder that it has ended, and how; whole or not at all."""
    state = ShardState(str(shard), failed, environment)
    text = seal(asdict(state), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / _STATE, text + "\n")
    return state


def shard_folder(run: Path, shard: Shard) -> Path:
    """Where a shard lies in its run's folder."""
    return run / SHARDS / shard.folder_name


def known_elsewhere(run: Path, heading: Heading, shard: Shard) -> set[str]:
    """Clips that other shards of the same run have scored so far, whatever their count is or was."""
    known: set[str] = set()
    for folder in _folders(run):
        if folder.name != shard.folder_name:
            known |= read_journal(folder, heading.fingerprint).keys()
    return known


def merge(folders: Sequence[Path], out: Path) -> Result:
    """Put the shards of one run together; the result is that of the run in one piece.

    Pixel metrics are the same bit for bit; distances of sets add the same features up in the data set's order.

    Args:
        folders: of shards, or of runs that hold shards.
        out: folder of the whole run; what it holds already is kept.

    Raises:
        TokenBenchError: there are no shards, they are not of one run, one has not ended, or clips are missing.
        OutputError: the folder cannot be written.
    """
    shards = list(dict.fromkeys(shard for folder in folders for shard in _shards_in(folder)))
    heading = read_heading(shards[0])
    for other in shards[1:]:
        if read_heading(other).fingerprint != heading.fingerprint:
            raise TokenBenchError(f"{other}: is of another run than {shards[0]}; merge shards of one command")
    # A clip that several shards have scored is taken from the first.
    places = {clip: part for shard in reversed(shards) for part in [ScoredFolder(shard, heading)] for clip in part}
    states = [state for shard in shards if (state := _read_state(shard))]
    failed = {each["clip"]: each for state in states for each in state.failed}
    # Seen before the folder is opened, which removes what is half written: reconstructions of shards that still run.
    there = {*read_journal(out, heading.fingerprint), *places, *failed}
    missing = [clip for clip in heading.clips if clip not in there]
    if missing or not states:
        raise TokenBenchError(_incomplete(missing, shards))
    with RunFolder(out, heading) as folder:
        for clip in tqdm(heading.clips, desc="merge", unit="clip", dynamic_ncols=True):
            if clip in places and clip not in folder.journal.records:
                folder.add(places[clip].scored(clip))
        left = [failed[clip] for clip in heading.clips if clip not in folder.journal.records]
        environment = {**states[0].environment, "shards": [_summary(state) for state in states]}
        return finish(folder, left, environment)


class ScoredFolder:
    """What a run, or one shard of it, has scored.

    Args:
        folder: of it.
        heading: of the run.

    Raises:
        TokenBenchError: it holds another run, or is damaged.
    """

    def __init__(self, folder: Path, heading: Heading) -> None:
        self._folder = folder
        self._numbers = heading.numbers
        self._attachments = Attachments(folder / "attached")
        self._records: dict[str, tuple[ClipRecord, dict[str, int]]] = {}
        ends: dict[str, int] = {}
        for record in read_journal(folder, heading.fingerprint).values():
            self._records[record.clip] = record, dict(ends)
            for name, attached in record.attached.items():
                ends[name] = ends.get(name, 0) + attached.length

    def __contains__(self, clip: str) -> bool:
        return clip in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def scored(self, clip: str) -> ScoredClip:
        """One of its clips.

        Raises:
            TokenBenchError: what it left behind is damaged.
        """
        record, starts = self._records[clip]
        attached = {
            name: self._attachments.read(name, starts.get(name, 0), part) for name, part in record.attached.items()
        }
        return ScoredClip(record, attached, read_sample(self._folder / SAMPLES, self._numbers[clip]))


def _shards_in(folder: Path) -> list[Path]:
    if (folder / _STATE).is_file() or folder.parent.name == SHARDS:
        return [folder]
    if found := list(_folders(folder)):
        return found
    raise TokenBenchError(f"{folder}: holds no shards; give the --out of commands with --shard, or their folders in it")


def _folders(run: Path) -> Iterator[Path]:
    yield from sorted(path for path in (run / SHARDS).glob("*-of-*") if path.is_dir())


def _read_state(folder: Path) -> ShardState | None:
    """None where the shard has not ended."""
    path = folder / _STATE
    try:
        state = ShardState(**unseal(path.read_text(encoding="utf-8")))
        parse_shard(state.shard)
        return state
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, TokenBenchError) as error:
        raise TokenBenchError(f"{path}: damaged ({error}); give that shard's command again") from error


def _incomplete(missing: list[str], shards: list[Path]) -> str:
    unfinished = [shard.name for shard in shards if _read_state(shard) is None]
    what = f"{len(missing)} clips are missing, {missing[0]} first" if missing else "all clips are scored"
    if unfinished:
        return f"{what}: {', '.join(unfinished)} has not ended; give its command again, and then merge"
    return f"{what}: the shards {', '.join(shard.name for shard in shards)} do not cover the data set; run the others"


def _summary(state: ShardState) -> dict[str, Any]:
    return {"shard": state.shard} | {
        name: state.environment.get(name) for name in ("command", "device_name", "threads")
    }
