"""Score a folder of reconstructions against a folder of references, as the public metrics script does.

No tokenizer runs here, and torch is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import tokenbench
from tokenbench.datasets.folder import listing_sha256
from tokenbench.engine import Engine, Prepare, Worker
from tokenbench.engine.shard import Shard
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.finish import finish
from tokenbench.evaluation.folder import RunFolder
from tokenbench.evaluation.heading import Heading
from tokenbench.evaluation.journal import fingerprint
from tokenbench.evaluation.loop import score_all
from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.outcome import Outcomes, ScoreTask, attempt
from tokenbench.evaluation.pairing import pair_files, score_pair
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import Failure, Result
from tokenbench.evaluation.shards import ShardState, end_shard, known_elsewhere, shard_folder
from tokenbench.files import cannot_write
from tokenbench.metrics.conventions import CONVENTIONS, Convention


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is compared, and how.

    Args:
        reference: a folder of videos or images, or one file.
        reconstruction: likewise; files are paired by their name without suffix.
        frames: only the first so many of each pair.
        measures: what is measured.
        convention: of PSNR and SSIM.
        device: that the networks of the measures are on.
    """

    reference: Path
    reconstruction: Path
    frames: int | None = None
    measures: Measures = DEFAULT_MEASURES
    convention: Convention = CONVENTIONS["paper"]
    device: str = "cpu"

    @property
    def protocol(self) -> Protocol:
        """How pairs are scored."""
        return Protocol.of(self.convention, self.measures, frames=self.frames)


def compare(
    comparison: Comparison, run: Path | None = None, engine: Engine | None = None
) -> tuple[Result, list[ClipRecord]]:
    """Measure every pair of files.

    Args:
        comparison: what is compared.
        run: a folder for what is done so far and for the result, as `evaluate` has it; what an interrupted comparison
            has finished there is not done again. None keeps nothing.
        engine: where the work is done; None does it here.

    Returns:
        The result, and the records that it stands on.

    Raises:
        TokenBenchError: a folder is missing or empty, the names do not match, or `run` belongs to another comparison,
            is in use, or cannot be written.
    """
    if run is None:
        try:
            room = TemporaryDirectory(prefix="tokenbench-")
        except OSError as error:
            raise cannot_write(Path(gettempdir()), error) from error
        with room as temporary:
            return compare(comparison, Path(temporary), engine)
    pairs, heading = _open(comparison)
    with RunFolder(run, heading) as folder:
        failed = _score(comparison, pairs, folder, engine)
        return finish(folder, failed, environment(device=comparison.device)), folder.records()


def compare_shard(comparison: Comparison, run: Path, shard: Shard, engine: Engine | None = None) -> ShardState:
    """Measure the pairs of one shard, for `merge` to put together with those of the others.

    Args:
        comparison: what is compared.
        run: folder of the whole comparison, in which the shard's lies.
        shard: which part of the pairs.
        engine: where the work is done; None does it here.

    Raises:
        TokenBenchError: as `compare`.
    """
    pairs, heading = _open(comparison)
    with RunFolder(shard_folder(run, shard), heading) as folder:
        mine = {name: pairs[name] for name in shard.of(list(pairs))}
        failed = _score(comparison, mine, folder, engine, known_elsewhere(run, heading, shard))
        return end_shard(folder.path, shard, failed, environment(device=comparison.device))


# The name of a pair, its reference and its reconstruction, by that name.
_Named = dict[str, tuple[str, Path, Path]]


def _open(comparison: Comparison) -> tuple[_Named, Heading]:
    pairs = pair_files(comparison.reference, comparison.reconstruction)
    files = [
        [name, *([str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in pair)]
        for name, pair in pairs.items()
    ]
    protocol = comparison.protocol
    # Everything that decides the numbers; a file is known by its size and time.
    decisive = {"tokenbench": tokenbench.__version__, "files": files, "protocol": protocol.as_dict()}
    heading = Heading.of(
        fingerprint(decisive),
        protocol,
        comparison.measures,
        tokenizer={"name": "compare"},
        dataset=comparison.reference.resolve().name,
        manifest_sha256=listing_sha256({name: original for name, (original, _) in pairs.items()}),
        clips=list(pairs),
    )
    return {name: (name, *pair) for name, pair in pairs.items()}, heading


def _score(
    comparison: Comparison,
    pairs: _Named,
    folder: RunFolder,
    engine: Engine | None,
    known: Collection[str] = (),
) -> list[Failure]:
    """Measure what is not measured yet; the pairs that cannot be."""
    return score_all(pairs, _preparation(comparison, engine), [folder], name="compare", engine=engine, known=[known])[0]


def _preparation(comparison: Comparison, engine: Engine | None) -> Prepare:
    if engine is None or not engine.elsewhere:
        return partial(_prepare, comparison.protocol, comparison.measures)
    return partial(_prepare_elsewhere, comparison.protocol, comparison.measures.unloaded(), comparison.device)


def _prepare_elsewhere(
    protocol: Protocol, measures: Measures, device: str, worker: Worker
) -> Callable[[ScoreTask], Outcomes]:
    """In another process: networks are loaded there."""
    if measures.files:
        from tokenbench.evaluation.device import device_of_worker, open_device

        measures = measures.loaded(device_of_worker(open_device(device), worker.number))
    return _prepare(protocol, measures, worker)


def _prepare(protocol: Protocol, measures: Measures, worker: Worker) -> Callable[[ScoreTask], Outcomes]:
    def work(task: ScoreTask) -> Outcomes:
        name, reference, reconstruction = task.item
        return [attempt(lambda: score_pair(name, reference, reconstruction, protocol, measures))]

    return work
