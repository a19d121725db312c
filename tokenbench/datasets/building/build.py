"""Build one data set into a folder: choose clips, prepare them side by side, and write the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tokenbench.datasets.building.manifest import SCREENING, BuiltScene, write_build, write_screening
from tokenbench.datasets.building.names import refuse_equal_stems
from tokenbench.datasets.building.plan import SetPlan
from tokenbench.datasets.building.protocol import BuildProtocol
from tokenbench.datasets.building.records import Record
from tokenbench.datasets.building.task import Failed, Task, build_clip
from tokenbench.datasets.sources.source import Scene
from tokenbench.engine import Engine, WorkerDied, always
from tokenbench.engine.shard import Shard
from tokenbench.errors import OutputError
from tokenbench.files import locked, remove_unfinished
from tokenbench.media.clip import Clip

# Everything that a build keeps for itself lies here, in its folder.
STATE = ".build"

# Seconds. Shards that start at the same time look at the same lock, which each holds for that moment.
_MOMENT = 5.0


@dataclass(frozen=True, kw_only=True)
class SetOutcome:
    """What came of a data set.

    Args:
        built: clips that are there now.
        wanted: clips or entries that should be.
        missing: entries of a list without a file.
        failed: clip -> why it could not be built.
        refused: clip -> why screening refused it.
        replaced: reserves among the scenes that were built.
    """

    built: int
    wanted: int
    missing: Sequence[str]
    failed: dict[str, str]
    refused: dict[str, str]
    replaced: int

    @property
    def complete(self) -> bool:
        """Whether the set is what the protocol asks for."""
        return not self.missing and self.built >= self.wanted

    def summary(self) -> str:
        """In one line."""
        numbers = {
            "not in the folder": len(self.missing),
            "failed": len(self.failed),
            "screened out": len(self.refused),
            "replaced by reserves": self.replaced,
        }
        rest = "".join(f", {number} {what}" for what, number in numbers.items() if number)
        return f"{self.built} of {self.wanted} clips{rest}"


def build_set(
    plan: SetPlan, protocol: BuildProtocol, out: Path, engine: Engine, on_clip: Callable[[Clip, str], None]
) -> SetOutcome:
    """Build what is missing or changed of a set, and write its manifest.

    Scenes that fail or are refused are replaced by the next reserves in rounds, so that the result does not depend on
    which worker is done first.

    Args:
        plan: of the set.
        protocol: what is done to each clip.
        out: folder of the whole build.
        engine: where the work is done.
        on_clip: called for every clip that is done, with what went wrong, or nothing.

    Raises:
        OutputError: results cannot be written; what is done is kept.
    """
    name, selection = plan.name, plan.selection
    refuse_equal_stems(clip.id for scene in selection.scenes for clip in scene)
    folder, records = out / name, out / STATE / name
    remove_unfinished(out, out / SCREENING, folder, records)
    waiting = iter(selection.scenes)
    reserves = {scene[0].id for scene in selection.scenes[selection.wanted :]}
    accepted: list[BuiltScene] = []
    failed: dict[str, str] = {}
    refused: dict[str, str] = {}
    finished: dict[str, Record] = {}
    while batch := list(islice(waiting, max(0, selection.wanted - len(accepted)))):
        for task, result in engine.run(always(build_clip), _tasks(batch, plan, protocol, out)):
            trouble = _trouble(task.clip, result)
            if isinstance(result, Record):
                finished[task.clip.id] = result
            if trouble:
                (refused if isinstance(result, Record) else failed)[task.clip.id] = trouble
            on_clip(task.clip, trouble)
        accepted += [
            _built(scene, finished) for scene in batch if not any(clip.id in failed | refused for clip in scene)
        ]
    write_screening(plan, out, finished)
    if accepted:
        write_build(plan, protocol, out, accepted, failed=failed, refused=refused)
        _remove_others(folder, records, {record.file for scene in accepted for _, record in scene})
    return SetOutcome(
        built=sum(map(len, accepted)),
        wanted=plan.wanted_clips,
        missing=selection.missing,
        failed=failed,
        refused=refused,
        replaced=sum(scene[0][0].id in reserves for scene in accepted),
    )


def build_shard(
    plan: SetPlan,
    protocol: BuildProtocol,
    out: Path,
    engine: Engine,
    shard: Shard,
    on_clip: Callable[[Clip, str], None],
) -> int:
    """Prepare one shard of the clips that a set is to have; `build_set` then finds them done, and writes the manifest.

    Args:
        plan: of the set.
        protocol: what is done to each clip.
        out: folder of the whole build.
        engine: where the work is done.
        shard: which part of the scenes.
        on_clip: called for every clip that is done, with what went wrong, or nothing.

    Returns:
        The number of clips that are not there.

    Raises:
        OutputError: results cannot be written; what is done is kept.
    """
    left_out = 0
    for task, result in engine.run(always(build_clip), _tasks(scenes_of(plan, shard), plan, protocol, out)):
        trouble = _trouble(task.clip, result)
        left_out += bool(trouble)
        on_clip(task.clip, trouble)
    return left_out


def scenes_of(plan: SetPlan, shard: Shard) -> list[Scene]:
    """Those of a shard; reserves, of which only `build_set` knows whether they are needed, are in none."""
    return shard.of(plan.selection.scenes[: plan.selection.wanted])


@contextmanager
def locked_build(out: Path, shard: Shard | None = None) -> Iterator[None]:
    """The folder of a build, that no other build writes to; its shards may, each but once.

    Raises:
        TokenBenchError: it is in use.
        OutputError: it cannot be written.
    """
    busy = f"{out}: another build is writing there; wait for it or choose another --out"
    state = out / STATE
    mine = state / (f"lock-{shard.folder_name}" if shard else "lock")
    with locked(mine, busy):
        for other in [state / "lock"] if shard else sorted(state.glob("lock-*-of-*")):
            with locked(other, busy, patience=_MOMENT if shard else 0.0):
                pass
        yield


def _tasks(scenes: Sequence[Scene], plan: SetPlan, protocol: BuildProtocol, out: Path) -> list[Task]:
    rules = protocol.rules(plan.source.name)
    return [
        Task(
            clip=clip,
            folder=out / plan.name,
            records=out / STATE / plan.name,
            video=protocol.video,
            images=protocol.images,
            screening=rules.screening if plan.selection.chosen == "random" else {},
        )
        for scene in scenes
        for clip in scene
    ]


def _built(scene: Scene, finished: dict[str, Record]) -> BuiltScene:
    return [(clip, finished[clip.id]) for clip in scene]


def _trouble(clip: Clip, result: Record | Failed | WorkerDied) -> str:
    """Why a clip is not there; nothing where it is."""
    if isinstance(result, WorkerDied):
        return f"{clip.content}: its worker process died, for lack of memory perhaps; run fewer --workers"
    if isinstance(result, Failed):
        if result.fatal:
            raise OutputError(result.error)
        return result.error
    return "; ".join(result.reasons)


def _remove_others(folder: Path, records: Path, wanted: set[str]) -> None:
    """Clips that an earlier build made and this one does not want, so that folder and manifest agree."""
    recorded = {Path(name).stem for name in wanted}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in wanted and (record := records / f"{path.stem}.json").is_file():
            path.unlink()
            # Of a clip that was stored in another format, the record is the new file's.
            if path.stem not in recorded:
                record.unlink()
