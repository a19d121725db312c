"""Evaluate tokenizers on a data set, clip by clip, into folders of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import tokenbench
from tokenbench.datasets.dataset import Dataset
from tokenbench.engine import Engine, Prepare
from tokenbench.engine.shard import Shard
from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.finish import finish
from tokenbench.evaluation.folder import RECONSTRUCTIONS, RunFolder
from tokenbench.evaluation.guard import provenance_of
from tokenbench.evaluation.heading import Heading
from tokenbench.evaluation.identity import deciding, made_by, untold
from tokenbench.evaluation.journal import fingerprint
from tokenbench.evaluation.known import Known
from tokenbench.evaluation.loop import score_all
from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.reconstructions import refuse_equal_names
from tokenbench.evaluation.result import Failure, Result
from tokenbench.evaluation.shards import ShardState, end_shard, known_elsewhere, shard_folder
from tokenbench.evaluation.streams import refuse_float_frames, streams_itself, window_used
from tokenbench.evaluation.token_meter import TokenWork
from tokenbench.evaluation.windows import Compute
from tokenbench.evaluation.work import Conditions, Opening, Scoring, prepare_openings, prepare_scorings
from tokenbench.media.clip import Clip
from tokenbench.store import Store
from tokenbench.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A run: everything that it depends on.

    Args:
        tokenizer: loaded, on `compute.device`; on any device where an engine works elsewhere.
        dataset: the clips to score.
        protocol: how they are scored.
        compute: device and dtype.
        settings: that the tokenizer was loaded with.
        measures: what is measured.
        tokens: what is made of the tokens, where they can be seen.
        save_reconstructions: keep every reconstruction in the run's folder, losslessly.
        inputs: what the user named (tokenizer, weights, data set, ...), so that the run can be repeated, and so that
            other processes can load the same tokenizer; decides no number itself.
        store: of results, by what decides them; None for none.
        earlier: folder of a run over the same clips by the same tokenizer, whose values are taken over.
    """

    tokenizer: Tokenizer
    dataset: Dataset
    protocol: Protocol
    compute: Compute
    settings: Mapping[str, Any] = field(default_factory=dict)
    measures: Measures = DEFAULT_MEASURES
    tokens: TokenWork = "count"
    save_reconstructions: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)
    store: Store | None = None
    earlier: Path | None = None

    def fingerprint(self) -> str:
        """Digest of what decides the numbers."""
        return self._fingerprint(describe_tokenizer(self))

    def heading(self) -> Heading:
        """What is known before the first clip."""
        tokenizer = describe_tokenizer(self)
        return Heading.of(
            self._fingerprint(tokenizer),
            self.protocol,
            self.measures,
            tokenizer=tokenizer,
            dataset=self.dataset.name,
            manifest_sha256=self.dataset.manifest_sha256,
            clips=[clip.id for clip in self.dataset.clips],
        )

    def environment(self) -> dict[str, Any]:
        """Section of the result."""
        return environment(
            device=str(self.compute.device),
            dtype=str(self.compute.dtype).removeprefix("torch."),
            inputs=self.inputs,
        )

    def _fingerprint(self, tokenizer: Mapping[str, Any]) -> str:
        more = untold(self.inputs.get("tokenizer"), self.inputs.get("weights"), tokenizer)
        return fingerprint(
            {
                "tokenbench": tokenbench.__version__,
                "tokenizer": {**tokenizer, **more},
                "dataset": [self.dataset.manifest_sha256, [clip.id for clip in self.dataset.clips]],
                "protocol": self.protocol.as_dict(),
                "compute": [self.compute.device.type, str(self.compute.dtype)],
                "tokens": self.tokens,
                "save_reconstructions": self.save_reconstructions,
            }
        )


def evaluate(run: Evaluation, out: Path, engine: Engine | None = None) -> Result:
    """Score every clip and write `result.json`, `clips.csv` and `frames.csv` to `out`.

    A clip that fails is listed, and the others go on. What an interrupted run has finished is not done again.

    Args:
        run: what is evaluated.
        out: its folder.
        engine: where the work is done; None does it here.

    Raises:
        TokenBenchError: `out` belongs to another run, is in use, or cannot be written; the protocol does not apply to
            the tokenizer.
    """
    (result,) = evaluate_together([(run, out)], engine)
    if isinstance(result, TokenBenchError):
        raise result
    return result


def evaluate_together(
    runs: Sequence[tuple[Evaluation, Path]], engine: Engine | None = None
) -> list[Result | TokenBenchError]:
    """Evaluate several tokenizers in one pass over the clips, each of which is decoded once.

    Args:
        runs: with their folders; they share data set, protocol, measures and device.
        engine: where the work is done; None does it here.

    Returns:
        For each run its result, or why it was refused.

    Raises:
        OutputError: results cannot be written.
    """
    with ExitStack() as stack:
        opened = [_attempt(stack, run, out) for run, out in runs]
        failed = iter(_score(runs, opened, runs[0][0].dataset.clips, engine) if runs else [])
        return [
            opening if isinstance(opening, TokenBenchError) else finish(opening, next(failed), run.environment())
            for (run, _), opening in zip(runs, opened, strict=True)
        ]


def evaluate_shard(
    runs: Sequence[tuple[Evaluation, Path]], shard: Shard, engine: Engine | None = None
) -> list[ShardState | TokenBenchError]:
    """Score the clips of one shard, for `merge` to put together with those of the others.

    Clips that other shards in the run's folder have scored already are not scored again, whatever their count was.

    Args:
        runs: with the folders of the whole runs; this shard's lies in each of them.
        shard: which part of the clips.
        engine: where the work is done; None does it here.

    Returns:
        For each run what came of the shard, or why the run was refused.

    Raises:
        OutputError: results cannot be written.
    """
    with ExitStack() as stack:
        opened = [_attempt(stack, run, out, shard) for run, out in runs]
        failed = iter(_score(runs, opened, shard.of(runs[0][0].dataset.clips), engine, shard) if runs else [])
        return [
            opening
            if isinstance(opening, TokenBenchError)
            else end_shard(opening.path, shard, next(failed), run.environment())
            for (run, _), opening in zip(runs, opened, strict=True)
        ]


# The folder of a run, or why the run was refused.
_Opened = RunFolder | TokenBenchError


def _attempt(stack: ExitStack, run: Evaluation, out: Path, shard: Shard | None = None) -> _Opened:
    try:
        return stack.enter_context(_open(run, shard_folder(out, shard) if shard else out))
    except OutputError:
        raise
    except TokenBenchError as error:
        return error


def _score(
    runs: Sequence[tuple[Evaluation, Path]],
    opened: Sequence[_Opened],
    clips: Sequence[Clip],
    engine: Engine | None,
    shard: Shard | None = None,
) -> list[list[Failure]]:
    """Score clips for the runs that were opened; for each of these, the clips that failed."""
    going = [
        (run, out, folder) for (run, out), folder in zip(runs, opened, strict=True) if isinstance(folder, RunFolder)
    ]
    if not going:
        return []
    names = ", ".join(run.tokenizer.info.name for run, _, _ in going)
    return score_all(
        {clip.id: clip for clip in clips},
        _prepare([(run, out) for run, out, _ in going], engine),
        [folder for _, _, folder in going],
        name=f"{names} {shard}" if shard else names,
        engine=engine,
        known=[known_elsewhere(out, folder.heading, shard) if shard else () for _, out, folder in going],
    )


def _open(run: Evaluation, folder: Path) -> RunFolder:
    if run.save_reconstructions:
        if run.protocol.convention.quantisation == "none":
            raise TokenBenchError(
                f"reconstructions are kept in 8 bits, and the protocol {run.protocol.convention.name} has frames that "
                "are not quantised; leave out --save-reconstructions, or choose a protocol that quantises"
            )
        refuse_equal_names(run.dataset.clips)
    refuse_float_frames(
        run.tokenizer,
        run.protocol.convention.quantisation,
        window=run.protocol.window,
        storage=run.protocol.storage,
    )
    return RunFolder(folder, run.heading())


def _prepare(runs: Sequence[tuple[Evaluation, Path]], engine: Engine | None) -> Prepare:
    if engine is None or not engine.elsewhere:
        return partial(prepare_scorings, [Scoring(run.tokenizer, _conditions(run, out)) for run, out in runs])
    return partial(prepare_openings, [_opening(run, out) for run, out in runs])


def _conditions(run: Evaluation, out: Path) -> Conditions:
    return Conditions(
        protocol=run.protocol,
        compute=run.compute,
        measures=run.measures,
        tokens=run.tokens,
        reconstructions=out / RECONSTRUCTIONS if run.save_reconstructions else None,
        known=_known(run),
    )


def _known(run: Evaluation) -> Known:
    if run.store is None and run.earlier is None:
        return Known()
    name, weights = run.inputs.get("tokenizer"), run.inputs.get("weights")
    return Known(
        store=run.store,
        made_by=made_by(name, weights, describe_tokenizer(run), run.protocol, run.compute),
        environment=deciding(run.environment(), run.compute),
        earlier=run.earlier,
        reconstructions=run.earlier / RECONSTRUCTIONS if run.earlier else None,
    )


def _opening(run: Evaluation, out: Path) -> Opening:
    conditions = _conditions(run, out)
    return Opening(
        name=run.inputs["tokenizer"],
        weights=run.inputs.get("weights"),
        settings=run.settings,
        conditions=replace(conditions, measures=run.measures.unloaded()),
    )


def describe_tokenizer(run: Evaluation) -> dict[str, Any]:
    """The tokenizer's card, the weights and settings that it runs on, and how clips go through it in this run.

    Raises:
        TokenBenchError: the protocol's window does not apply to it, or its provenance is not plain data.
    """
    tokenizer, window = run.tokenizer, run.protocol.window
    return {
        **asdict(tokenizer.info),
        "compression": list(tokenizer.info.compression),
        "weights_sha256": getattr(tokenizer, "weights_sha256", None),
        "settings": dict(run.settings),
        "provenance": provenance_of(tokenizer),
        "streaming": streams_itself(tokenizer, window),
        "window_used": window_used(tokenizer, window),
    }
