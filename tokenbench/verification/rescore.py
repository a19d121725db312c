"""Give a run further metrics: what it has measured is taken over, and only the rest is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.dataset import Dataset
from tokenbench.engine import Engine
from tokenbench.errors import Problems, TokenBenchError
from tokenbench.evaluation.device import open_device
from tokenbench.evaluation.heading import read_heading
from tokenbench.evaluation.measures import Measures, prepare
from tokenbench.evaluation.result import Result
from tokenbench.evaluation.runner import Evaluation, evaluate
from tokenbench.evaluation.windows import Compute
from tokenbench.metrics import METRICS
from tokenbench.metrics.catalog import IMPLIED
from tokenbench.recorded import load_recorded
from tokenbench.reporting.runs import Run
from tokenbench.store import Store
from tokenbench.verification.claim import Claim
from tokenbench.verification.verify import others, recorded_protocol


def rescore(
    claim: Claim, metrics: Sequence[str], out: Path, *, store: Store | None = None, engine: Engine | None = None
) -> Result:
    """Write the run again, with further metrics, into another folder.

    What is missing of a clip is taken from the store, or measured of the reconstruction that the run or the store has
    kept, or else of one that is made again.

    Args:
        claim: the run, and where its parts are.
        metrics: to be added.
        out: folder of the new run; an interrupted one goes on there.
        store: of results; None for none.
        engine: where the work is done; None does it here.

    Raises:
        TokenBenchError: the run's folder is no whole one, or `out` is that folder; a part cannot be had.
        Problems: clips, weights, networks or definitions are not the run's; a line each.
    """
    run = claim.run
    if out.resolve() == run.folder.resolve():
        raise TokenBenchError(f"{out}: holds the run itself, which stays as it is; choose another --out")
    heading = read_heading(run.folder)
    compute = Compute(open_device(claim.device), getattr(torch, claim.dtype))
    here = compute.device if engine is None else torch.device("cpu")
    whole = open_dataset(claim.dataset)
    dataset = _limited(whole, heading.clips, run.folder)
    names = [*_metrics(run), *metrics]
    kinds: Counter[str] = Counter(clip.kind for clip in dataset.clips)
    measures = prepare(names, here, given=claim.networks, clips=kinds)
    protocol = recorded_protocol(run, measures)
    tokenizer = load_recorded(
        claim.tokenizer,
        run.tokenizer.settings,
        where=run.folder,
        typed=claim.typed,
        weights=claim.weights,
        device=here,
        dtype=compute.dtype,
    )
    if different := others(run, dataset, tokenizer, _of_run(measures, run), protocol):
        raise Problems([f"{run.folder} cannot be given further metrics: {line}" for line in different])
    inputs = _inputs(run)
    return evaluate(
        Evaluation(
            tokenizer=tokenizer,
            dataset=dataset,
            protocol=protocol,
            compute=compute,
            settings=run.tokenizer.settings,
            measures=measures,
            tokens=inputs["tokens"] if inputs.get("tokens") in ("off", "count", "code") else claim.tokens,
            inputs={
                **inputs,
                "tokenizer": claim.tokenizer,
                "weights": claim.weights,
                "dataset": claim.dataset,
                "networks": dict(claim.networks),
            },
            store=store,
            earlier=run.folder,
        ),
        out,
        engine,
    )


def _limited(dataset: Dataset, clips: Sequence[str], run: Path) -> Dataset:
    """The clips that the run was over."""
    there = {clip.id: clip for clip in dataset.clips}
    if missing := [clip for clip in clips if clip not in there]:
        raise TokenBenchError(
            f"{run}: {missing[0]} is not in the data set {dataset.name} any more; name another with --dataset"
        )
    return replace(dataset, clips=tuple(there[clip] for clip in clips))


def _metrics(run: Run) -> list[str]:
    """What the run was asked to measure."""
    definitions = run.protocol.get("definitions")
    return [name for name in definitions or run.metrics if name in METRICS and name not in IMPLIED]


def _inputs(run: Run) -> dict[str, Any]:
    inputs = run.environment.get("inputs")
    return dict(inputs) if isinstance(inputs, dict) else {}


def _of_run(measures: Measures, run: Run) -> Measures:
    """The measures whose networks the run had too."""
    networks = run.protocol.get("networks")
    known = networks if isinstance(networks, dict) else {}
    return replace(measures, files={name: file for name, file in measures.files.items() if name in known})
