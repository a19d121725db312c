"""Evaluate a tokenizer on a data set, clip by clip, into a folder of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tokenbench
from tokenbench.datasets.dataset import Dataset
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.assemble import assemble, journalled, scored_records, write_run
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.guard import provenance_of
from tokenbench.evaluation.journal import Journal, fingerprint
from tokenbench.evaluation.loop import Say, score_all
from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.reconstructions import ReconstructionWriter, refuse_equal_names
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.result import Result
from tokenbench.evaluation.samples import SampleFrame, keep_samples, thin_samples
from tokenbench.evaluation.score import Observer, score_clip
from tokenbench.evaluation.streams import refuse_float_frames, streams_itself, window_used
from tokenbench.evaluation.token_meter import TokenWork, summarise_tokens
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.metrics.frames import CHANNELS
from tokenbench.metrics.phases import mean_phases, phases
from tokenbench.progress import FrameCounter
from tokenbench.tokenizer import Tokenizer

SAMPLES = "samples"
RECONSTRUCTIONS = "reconstructions"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A run: everything that it depends on.

    Args:
        tokenizer: loaded, on `compute.device`.
        dataset: the clips to score.
        protocol: how they are scored.
        compute: device and dtype.
        settings: that the tokenizer was loaded with.
        measures: what is measured.
        tokens: what is made of the tokens, where they can be seen.
        save_reconstructions: keep every reconstruction in the run's folder, losslessly.
        inputs: what the user named (tokenizer, weights, data set, ...), so that the run can be repeated; decides
            nothing itself.
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

    def fingerprint(self) -> str:
        """Digest of what decides the numbers."""
        return fingerprint(
            {
                "tokenbench": tokenbench.__version__,
                "tokenizer": describe_tokenizer(self),
                "dataset": [self.dataset.manifest_sha256, [clip.id for clip in self.dataset.clips]],
                "protocol": self.protocol.as_dict(),
                "compute": [self.compute.device.type, str(self.compute.dtype)],
                "tokens": self.tokens,
                "save_reconstructions": self.save_reconstructions,
            }
        )


def evaluate(run: Evaluation, out: Path) -> Result:
    """Score every clip and write `result.json`, `clips.csv` and `frames.csv` to `out`.

    A clip that fails is listed, and the others go on. What an interrupted run has finished is not done again.

    Raises:
        TokenBenchError: `out` belongs to another run, is in use, or cannot be written; the protocol does not apply to
            the tokenizer.
    """
    if run.save_reconstructions:
        refuse_equal_names(run.dataset.clips)
    refuse_float_frames(
        run.tokenizer,
        run.protocol.convention.quantisation,
        window=run.protocol.window,
        storage=run.protocol.storage,
    )
    numbers = {clip.id: number for number, clip in enumerate(run.dataset.clips)}
    with Journal(out, run.fingerprint()) as journal:

        def score(clip: Clip, say: Say) -> ScoredClip:
            thin_samples(out / SAMPLES, numbers, journal.records.values())
            return _score_one(run, clip, numbers[clip.id], out, say)

        clips = {clip.id: clip for clip in run.dataset.clips}
        failed = score_all(clips, score, journal, name=run.tokenizer.info.name)
        records = scored_records(journal, clips)
        result = assemble(
            journal,
            list(clips),
            failed,
            tokenizer=describe_tokenizer(run),
            dataset=run.dataset.name,
            manifest_sha256=run.dataset.manifest_sha256,
            protocol=run.protocol,
            measures=run.measures,
            samples=keep_samples(out, out / SAMPLES, numbers, records),
            environment=environment(
                device=str(run.compute.device),
                dtype=str(run.compute.dtype).removeprefix("torch."),
                inputs=run.inputs,
            ),
        )
        if result["tokenizer"]["bits_per_pixel"] is None and "bits_per_pixel" in result["metrics"]:
            result["tokenizer"]["bits_per_pixel"] = result["metrics"]["bits_per_pixel"]["value"]
        for kind, section in result["media"].items():
            of_kind = journalled(journal, kind)
            _add_tokens(result, kind, of_kind, journal.attachments)
            if profile := _phases(run, of_kind):
                section["phases"] = profile
        write_run(out, result, records)
    return result


def _score_one(run: Evaluation, clip: Clip, number: int, out: Path, say: Say) -> ScoredClip:
    probed = clip.probed()
    frames = min(probed.frames, run.protocol.frames or probed.frames)
    sample = SampleFrame(frames // 2)
    with ExitStack() as stack:
        observers: list[Observer] = [sample, FrameCounter(clip.id, frames, say)]
        if run.save_reconstructions:
            observers.append(stack.enter_context(ReconstructionWriter(out / RECONSTRUCTIONS, probed)))
        scored = score_clip(
            probed, run.tokenizer, run.protocol, run.compute, observers, measures=run.measures, tokens=run.tokens
        )
    sample.write(out / SAMPLES, number)
    return scored


def _add_tokens(result: Result, kind: str, records: Sequence[ClipRecord], attachments: Attachments) -> None:
    """Say what the tokens are like, or why that cannot be said."""
    try:
        tokens = summarise_tokens(records, attachments, kind)
    except TokenBenchError as error:
        result["unavailable"]["tokens"] = str(error)
        return
    if tokens is not None:
        result["media"][kind]["tokens"] = tokens


def _phases(run: Evaluation, records: Sequence[ClipRecord]) -> dict[str, Any] | None:
    """How quality goes over the frames that share a token; None where every frame has its own."""
    stride = run.tokenizer.info.compression[0]
    profiles = [
        phases(record.squared_errors, stride, record.height * record.width * CHANNELS)
        for record in records
        if record.kind == "video" and record.squared_errors
    ]
    return mean_phases(profiles) if stride > 1 and profiles else None


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
