"""One run or several over the same clips: their folders, what is printed of them, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.errors import OutputError, Problems, TokenBenchError
from tokenbench.files import safe_name

if TYPE_CHECKING:
    from tokenbench.engine import Engine
    from tokenbench.engine.shard import Shard
    from tokenbench.evaluation.runner import Evaluation


def run_all(
    names: Sequence[str],
    open_run: Callable[[str], Evaluation],
    out: Path | None,
    *,
    engine: Engine | None,
    shard: Shard | None,
    is_family: bool,
) -> int:
    """Evaluate tokenizers in one pass; one that cannot be evaluated does not stop the others.

    Args:
        names: of tokenizers.
        open_run: makes the run of one.
        out: folder of the one run, or of those of several; None for folders under runs/.
        engine: where the work is done; None does it here.
        shard: which part of the clips is scored; None for all.
        is_family: whether they are points of one codec, whose curve is printed.

    Returns:
        The exit code: 1 where a clip or a tokenizer failed.

    Raises:
        OutputError: results cannot be written.
        TokenBenchError: the one run cannot be done.
        Problems: none of several can.
    """
    from tokenbench.cli.show import print_curve, print_result
    from tokenbench.engine.shard import is_to_merge
    from tokenbench.evaluation.runner import evaluate_shard, evaluate_together
    from tokenbench.evaluation.shards import merge

    is_one = len(names) == 1 and not is_family
    runs: list[tuple[Evaluation, Path]] = []
    refused: list[str] = []

    def refuse(name: str, error: TokenBenchError) -> None:
        if is_one:
            raise error
        refused.append(f"{name}: {error}")

    for name in names:
        try:
            run = open_run(name)
            runs.append((run, _folder(run, name, out, is_one)))
        except OutputError:
            raise
        except TokenBenchError as error:
            refuse(name, error)
    failed = False
    results = []
    if shard:
        ended = []
        for (run, folder), state in zip(runs, evaluate_shard(runs, shard, engine), strict=True):
            if isinstance(state, TokenBenchError):
                refuse(run.inputs["tokenizer"], state)
                continue
            ended.append(folder)
            failed = failed or bool(state.failed)
            click.echo(
                f"shard {shard} of {run.tokenizer.info.name} is done, {len(state.failed)} clips failed; in {folder}"
            )
        if is_to_merge(shard):
            results = [(merge([folder], folder), folder) for folder in ended]
        elif shard.launched:
            # Torchrun ends all ranks when one fails: what went wrong is the first one's to say.
            return 0
    else:
        for (run, folder), result in zip(runs, evaluate_together(runs, engine), strict=True):
            if isinstance(result, TokenBenchError):
                refuse(run.inputs["tokenizer"], result)
            else:
                results.append((result, folder))
    if len(refused) == len(names):
        raise Problems(refused)
    for result, folder in results:
        print_result(result)
        click.echo(f"written to {folder}")
        failed = failed or bool(result["failed"])
    if is_family and results:
        click.echo()
        print_curve([result for result, _ in results])
    for line in refused:
        click.echo(f"failed: {line}", err=True)
    return 1 if failed or refused else 0


def _folder(run: Evaluation, name: str, out: Path | None, is_one: bool) -> Path:
    if out:
        return out if is_one else out / safe_name(name)
    title = safe_name(f"{run.tokenizer.info.name}-{run.dataset.name}")
    return Path("runs", f"{title}-{run.fingerprint()[:8]}")
