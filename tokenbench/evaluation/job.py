"""One clip for one run: taken as it is known, measured from a reconstruction that was kept, or reconstructed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from tokenbench.errors import ClipError
from tokenbench.evaluation.kept import score_kept
from tokenbench.evaluation.known import Known, KnownClip
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.outcome import Failed, attempt
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.reconstructions import ReconstructionWriter, reconstruction_name
from tokenbench.evaluation.references import References
from tokenbench.evaluation.samples import SampleFrame
from tokenbench.evaluation.score import Observer, score_clip
from tokenbench.evaluation.source import Chunks
from tokenbench.evaluation.token_meter import TokenWork
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.progress import FrameCounter
from tokenbench.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How clips are scored, whatever the tokenizer.

    Args:
        protocol: the choices that change numbers.
        compute: device and dtype.
        measures: what is measured.
        tokens: what is made of the tokens, where they can be seen.
        reconstructions: folder in which reconstructions are kept; None keeps none.
        known: where results may lie already.
    """

    protocol: Protocol
    compute: Compute
    measures: Measures
    tokens: TokenWork
    reconstructions: Path | None
    known: Known = field(default_factory=Known)


@dataclass(frozen=True)
class Scoring:
    """All that scores clips for one run.

    Args:
        tokenizer: loaded, on the conditions' device.
        conditions: with their networks loaded.
    """

    tokenizer: Tokenizer
    conditions: Conditions


class Job:
    """A clip to be scored for a run.

    Args:
        clip: with its size and rate known.
        scoring: of the run.
        say: shows how far it has come.

    Raises:
        TokenBenchError: what is known of the clip cannot be read.
    """

    def __init__(self, clip: Clip, scoring: Scoring, say: Callable[[str], None]) -> None:
        self._clip = clip
        self._tokenizer = scoring.tokenizer
        self._say = say
        self.conditions = conditions = scoring.conditions
        self.known = KnownClip(conditions.known, clip, conditions.protocol, conditions.measures, conditions.tokens)

    @property
    def is_done(self) -> bool:
        """Whether no frame need be seen."""
        return not self.known.missing and not self.conditions.reconstructions

    def attempt(self, chunks: Chunks, references: References) -> ScoredClip | Failed:
        """The clip's scores, or why there are none.

        Args:
            chunks: its frames; closed here.
            references: features of the clip itself.
        """
        with closing(chunks):
            return attempt(lambda: self._score(chunks, references))

    def _score(self, chunks: Chunks, references: References) -> ScoredClip:
        frames: Chunks | None = chunks
        if (kept := self.known.reconstruction) is not None:
            try:
                now = self._of_kept(kept, chunks, references)
                self.known.refuse_other(now, kept)
                return self.known.scored(now)
            except ClipError:
                # What the store has kept may be gone meanwhile, and can be made again.
                if self.known.is_earlier(kept):
                    raise
            # They are used up: the clip is decoded again.
            frames = None
        now = self._made(self.known.measures_missing, frames, references)
        if self.known.agrees_with(now):
            return self.known.scored(now)
        # What is known is of another reconstruction: on some devices none is like the other.
        self.known.forget(now)
        return self._made(self.conditions.measures, None, references)

    def _of_kept(self, path: Path, chunks: Chunks, references: References) -> ScoredClip:
        """What is missing, of a reconstruction that was kept."""

        def score(observers: Sequence[Observer]) -> ScoredClip:
            return score_kept(
                self._clip,
                path,
                self.conditions.protocol,
                self.conditions.compute,
                self.known.measures_missing,
                chunks,
                observers,
                references.features,
            )

        return self._watched(score, self.conditions.reconstructions)

    def _made(self, measures: Measures, chunks: Chunks | None, references: References) -> ScoredClip:
        """What is measured of a reconstruction that is made now."""
        conditions = self.conditions

        def score(observers: Sequence[Observer]) -> ScoredClip:
            return score_clip(
                self._clip,
                self._tokenizer,
                conditions.protocol,
                conditions.compute,
                observers,
                measures=measures,
                tokens=conditions.tokens,
                chunks=chunks,
                references=references.features,
            )

        with ExitStack() as stack:
            folder, store = conditions.reconstructions, self.known.store_for_reconstruction
            if store and not folder:
                folder = stack.enter_context(store.scratch())
            scored = self._watched(score, folder)
            if store and folder:
                self.known.keep_reconstruction(folder / reconstruction_name(self._clip))
        return scored

    def _watched(self, score: Callable[[Sequence[Observer]], ScoredClip], folder: Path | None) -> ScoredClip:
        """Measure, show how far that has come, and keep one pair of frames, and in a folder the reconstruction."""
        frames = min(self._clip.frames, self.conditions.protocol.frames or self._clip.frames)
        sample = SampleFrame(frames // 2)
        with ExitStack() as stack:
            observers: list[Observer] = [sample, FrameCounter(self._clip.id, frames, self._say)]
            if folder:
                observers.append(stack.enter_context(ReconstructionWriter(folder, self._clip)))
            scored = score(observers)
        return replace(scored, sample=sample.sample())
