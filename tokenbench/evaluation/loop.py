"""Clip by clip through everything that is to be scored; what is done is kept, what fails is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from tokenbench.engine import Engine, InProcess, Prepare, WorkerDied
from tokenbench.errors import OutputError, printable
from tokenbench.evaluation.folder import RunFolder
from tokenbench.evaluation.meters import Origin
from tokenbench.evaluation.outcome import Failed, Outcomes, ScoreTask
from tokenbench.evaluation.result import Failure


def score_all(
    items: Mapping[str, Any],
    prepare: Prepare,
    folders: Sequence[RunFolder],
    *,
    name: str,
    engine: Engine | None = None,
    known: Sequence[Collection[str]] = (),
) -> list[list[Failure]]:
    """Score what the runs' journals do not hold yet.

    Args:
        items: what is to be scored, by its name in the journals.
        prepare: makes the work, which takes a `ScoreTask` and gives its `Outcomes`.
        folders: of the runs.
        name: beside the progress bar.
        engine: that does the work; None does it here.
        known: for each run, items that were scored elsewhere; none by default.

    Returns:
        For each run, the items that could not be scored, in their order.

    Raises:
        OutputError: a result cannot be written.
    """
    done = [
        {*folder.journal.records, *elsewhere}
        for folder, elsewhere in zip(folders, known or [()] * len(folders), strict=True)
    ]
    tasks = [
        ScoreTask(key, item, wanted)
        for key, item in items.items()
        if (wanted := tuple(number for number, keys in enumerate(done) if key not in keys))
    ]
    failed: list[list[Failure]] = [[] for _ in folders]
    origins: Counter[Origin] = Counter()
    with tqdm(
        total=len(items), initial=len(items) - len(tasks), desc=name, unit="clip", dynamic_ncols=True
    ) as progress:
        engine = engine or InProcess(progress.set_postfix_str)
        for task, result in engine.run(prepare, tasks):
            progress.set_postfix_str(printable(task.key))
            for number, outcome in zip(task.wanted, _outcomes(task, result), strict=True):
                if not isinstance(outcome, Failed):
                    folders[number].add(outcome)
                    origins[outcome.origin] += 1
                    continue
                if outcome.fatal:
                    raise OutputError(outcome.error)
                failed[number].append(Failure(clip=task.key, error=outcome.error))
                progress.write(f"failed: {printable(task.key)}: {printable(outcome.error)}")
            progress.update()
        if origins.keys() - {"made"}:
            said = [words.format(origins[origin]) for origin, words in _ORIGINS.items() if origins[origin]]
            progress.write(f"{name}: clips: {', '.join(said)}")
    # Workers come to their ends in any order.
    places = {key: place for place, key in enumerate(items)}
    return [sorted(failures, key=lambda failure: places[failure["clip"]]) for failures in failed]


_ORIGINS: dict[Origin, str] = {
    "known": "{} known already",
    "kept": "{} measured of the reconstruction that was kept",
    "made": "{} reconstructed",
}


def _outcomes(task: ScoreTask, result: Outcomes | WorkerDied) -> Outcomes:
    if not isinstance(result, WorkerDied):
        return result
    lost = Failed(f"its worker process died {result.tries} times, for lack of memory perhaps; run fewer --workers")
    return [lost] * len(task.wanted)
