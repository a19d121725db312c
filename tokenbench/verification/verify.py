"""Score some clips of a run again, with what it was made with, and say whether its values hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from tqdm import tqdm

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.dataset import Dataset
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.device import open_device
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.measures import Measures, prepare
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.score import score_clip
from tokenbench.evaluation.windows import Compute
from tokenbench.metrics import METRICS
from tokenbench.metrics.catalog import IMPLIED
from tokenbench.metrics.conventions import find_convention
from tokenbench.progress import FrameCounter
from tokenbench.recorded import load_recorded
from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.runs import Run
from tokenbench.tokenizer import Tokenizer
from tokenbench.verification.agreement import disagreements, is_over_clips
from tokenbench.verification.claim import Claim
from tokenbench.verification.likeness import Likeness, likeness


@dataclass(frozen=True)
class Value:
    """One value of one clip, as the run has it and as it is now; None where there is none."""

    clip: str
    metric: str
    recorded: float | None
    measured: float | None
    holds: bool


@dataclass(frozen=True)
class Verification:
    """What became of a run.

    Args:
        wrong: what does not hold, apart from values: files that disagree, other weights or clips, clips that fail.
        likeness: what was asked of the values.
        values: of the clips that were scored again.
        left_out: metrics of whole sets, which some clips cannot confirm.
    """

    wrong: tuple[str, ...]
    likeness: Likeness
    values: tuple[Value, ...]
    left_out: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all of it does."""
        return not self.wrong and all(value.holds for value in self.values)


def verify_run(claim: Claim, clips: int, seed: int) -> Verification:
    """Check a run's files against each other, and a random sample of its clips against the tokenizer.

    Where weights, data set or protocol are others than the run's, no clip is scored: its values could not hold.

    Args:
        claim: the run, and where its parts are.
        clips: how many to score again; all where the run has fewer.
        seed: of the sample.

    Raises:
        TokenBenchError: the tokenizer, its weights, the data set, a network or the device cannot be had; the tokenizer
            holds code that the user did not name.
    """
    run = claim.run
    compute = Compute(open_device(claim.device), getattr(torch, claim.dtype))
    dataset = open_dataset(claim.dataset)
    measures = prepare(_metrics(run), compute.device, given=claim.networks)
    protocol = recorded_protocol(run, measures)
    tokenizer = load_recorded(
        claim.tokenizer,
        run.tokenizer.settings,
        where=run.folder,
        typed=claim.typed,
        weights=claim.weights,
        device=compute.device,
        dtype=compute.dtype,
    )
    alike = likeness(run.environment, environment(device=str(compute.device), dtype=claim.dtype))
    different = others(run, dataset, tokenizer, measures, protocol)
    wrong = [*disagreements(run), *different]
    values: list[Value] = []
    if not different:
        score = partial(
            score_clip, tokenizer=tokenizer, protocol=protocol, compute=compute, measures=measures, tokens=claim.tokens
        )
        chosen = random.Random(seed).sample(run.clips, min(clips, len(run.clips)))
        for recorded, outcome in _scored_again(chosen, dataset, score, run.tokenizer.name):
            if isinstance(outcome, ClipError):
                wrong.append(f"{recorded.clip}: {outcome}")
            else:
                values += _compared(recorded, outcome.values | outcome.traits, alike)
    left_out = tuple(name for name in run.metrics if name in METRICS and not is_over_clips(name))
    return Verification(tuple(wrong), alike, tuple(values), left_out)


def _scored_again(
    chosen: Sequence[ClipScores], dataset: Dataset, score: Callable[..., ScoredClip], name: str
) -> Iterator[tuple[ClipScores, ClipRecord | ClipError]]:
    """Each clip with its new record, or why it has none."""
    clips = {clip.id: clip for clip in dataset.clips}
    with tqdm(chosen, desc=name, unit="clip", dynamic_ncols=True) as progress:
        for recorded in progress:
            counter = FrameCounter(recorded.clip, recorded.frames or 0, progress.set_postfix_str)
            try:
                if recorded.clip not in clips:
                    raise ClipError(f"the data set {dataset.name} has no clip of this name")
                yield recorded, score(clips[recorded.clip].probed(), observers=[counter]).record
            except ClipError as error:
                yield recorded, error


def _metrics(run: Run) -> list[str]:
    """Metrics of single clips that can be asked for."""
    return [name for name in run.metrics if is_over_clips(name) and name not in IMPLIED]


def recorded_protocol(run: Run, measures: Measures) -> Protocol:
    """The run's protocol, as this version has it, with other measures perhaps.

    Raises:
        TokenBenchError: the run does not say what it is.
    """
    recorded = run.protocol
    name = recorded.get("name")
    if not isinstance(name, str):
        raise TokenBenchError(f"{run.folder}: result.json does not record its protocol; it cannot be scored again")
    return Protocol.of(
        find_convention(name),
        measures,
        frames=recorded.get("frames"),
        window=recorded.get("window"),
        storage=recorded.get("storage") or "none",
    )


def others(run: Run, dataset: Dataset, tokenizer: Tokenizer, measures: Measures, protocol: Protocol) -> list[str]:
    """What is not what the run was made with: weights, clips, networks, definitions; a line each."""
    definitions = _section(run, "definitions")
    networks = _section(run, "networks")
    pairs: dict[str, tuple[Any, Any]] = {
        "tokenizer": (run.tokenizer.name, tokenizer.info.name),
        "weights (SHA-256)": (run.tokenizer.weights_sha256, getattr(tokenizer, "weights_sha256", None)),
        "manifest (SHA-256)": (run.dataset.manifest_sha256, dataset.manifest_sha256),
        "version of the protocol": (run.protocol.get("version"), protocol.convention.version),
    }
    for metric, definition in protocol.definitions.items():
        if metric in definitions:
            pairs[f"definition of {metric}"] = (definitions[metric], definition)
    for name, file in measures.described_networks.items():
        recorded = networks.get(name)
        pairs[f"network {name} (SHA-256)"] = (_digest(recorded), _digest(file))
    return [f"{what}: {was} in the run, {now} here" for what, (was, now) in pairs.items() if was != now]


def _section(run: Run, name: str) -> Mapping[str, Any]:
    value = run.protocol.get(name)
    return value if isinstance(value, Mapping) else {}


def _digest(network: Any) -> Any:
    return network.get("sha256") if isinstance(network, Mapping) else None


def _compared(recorded: ClipScores, measured: Mapping[str, float], alike: Likeness) -> Iterator[Value]:
    """Every value that the run has of a clip, and those that it lacks."""
    known: dict[str, float | None] = {**recorded.traits, **recorded.scores}
    for metric, value in known.items():
        now = measured.get(metric)
        if value is None and now is None:
            continue
        unit = METRICS[metric].unit if metric in METRICS else ""
        holds = value is not None and now is not None and alike.holds(value, now, unit)
        yield Value(recorded.clip, metric, value, now, holds)
