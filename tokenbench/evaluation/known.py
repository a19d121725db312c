"""What is known of a clip before it is scored: from the store, or from the run that is scored again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenbench.errors import ClipError
from tokenbench.evaluation.heading import read_heading
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.meters import METRICS_VERSION, ScoredClip
from tokenbench.evaluation.pieces import PIXELS, Piece, join, limited_to, split, wanted
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.reconstructions import reconstruction_name
from tokenbench.evaluation.shards import ScoredFolder
from tokenbench.evaluation.token_meter import TokenWork
from tokenbench.media.clip import Clip
from tokenbench.metrics import METRICS
from tokenbench.store import Store, content_sha256, key_of
from tokenbench.store.store import RECONSTRUCTIONS

# Names of stages.
SCORES = "metrics"
FEATURES = "features"

# Other kernels and orders of summation move a reconstruction by less; other weights by much more.
_SAME_DECIBELS = 0.02


@dataclass(frozen=True)
class Known:
    """Where results of a run may lie already.

    Args:
        store: None for none.
        made_by: everything but the clip that decides a reconstruction, as plain data; None where it cannot be told:
            then nothing is kept that depends on the tokenizer.
        environment: versions and machine, likewise.
        earlier: folder of a run over the same clips by the same tokenizer, whose values are taken over.
        reconstructions: folder of that run's reconstructions.
    """

    store: Store | None = None
    made_by: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    earlier: Path | None = None
    reconstructions: Path | None = None

    @cached_property
    def scored_earlier(self) -> ScoredFolder | None:
        """What the earlier run has measured."""
        return None if self.earlier is None else ScoredFolder(self.earlier, read_heading(self.earlier))


class KnownClip:
    """Of one clip, under one run's conditions.

    Args:
        known: where to look.
        clip: with its size and rate known.
        protocol: of the run.
        measures: of the run.
        tokens: of the run.
    """

    def __init__(self, known: Known, clip: Clip, protocol: Protocol, measures: Measures, tokens: TokenWork) -> None:
        self._known = known
        self._clip = clip
        self._protocol = protocol
        self._measures = measures
        self._tokens = tokens
        # The store holds 8-bit frames, and of these such alone as did not go to a storage together with the reference.
        self._store = known.store if known.made_by and protocol.convention.quantisation != "none" else None
        self._names = wanted(measures, clip.kind)
        stored, earlier = self._read_store(), self._read_earlier()
        agree = not (PIXELS in stored and earlier) or _same_errors(stored[PIXELS], earlier[PIXELS])
        self.pieces = {**stored, **earlier} if agree else earlier
        self._is_of_earlier_run = bool(earlier)
        self._stored = frozenset(stored)
        self.reconstruction = self._find_reconstruction(agree)

    @property
    def missing(self) -> list[str]:
        """The pieces that must be measured."""
        return [name for name in self._names if name not in self.pieces]

    @property
    def measures_missing(self) -> Measures:
        """What gives them."""
        return limited_to(self._measures, self.missing) if self.pieces else self._measures

    @property
    def store_for_reconstruction(self) -> Store | None:
        """Where a reconstruction that is made now is to be kept; None where it is not."""
        return self._store if self.reconstruction is None and self._protocol.common_storage == "none" else None

    def scored(self, now: ScoredClip | None = None) -> ScoredClip:
        """All that was measured of the clip.

        Args:
            now: what was measured of what was missing.
        """
        if now is None:
            return join(self._clip, self.pieces, self._measures)
        if not self.pieces:
            return now
        joined = join(self._clip, {**self.pieces, **split(now, self.missing)}, self._measures)
        return replace(joined, sample=joined.sample or now.sample, origin=now.origin)

    def agrees_with(self, now: ScoredClip) -> bool:
        """Whether what is measured now is of the same reconstruction as what is known."""
        known = self.pieces.get(PIXELS)
        return known is None or known.facts["squared_errors"] == list(now.record.squared_errors)

    def refuse_other(self, now: ScoredClip, path: Path) -> None:
        """Refuse a reconstruction that was kept but does not give the errors that are known.

        Raises:
            ClipError: it, or its clip, has changed.
        """
        if not self.agrees_with(now):
            raise ClipError(f"{path} is not what was measured: it, or its clip, has changed; evaluate anew")

    def is_earlier(self, path: Path) -> bool:
        """Whether a reconstruction is the earlier run's, and not the store's."""
        return self._known.reconstructions is not None and path.is_relative_to(self._known.reconstructions)

    def forget(self, now: ScoredClip) -> None:
        """What is known is of another reconstruction than what is measured now; nothing of this one is kept.

        Raises:
            ClipError: it is no like reconstruction at all.
        """
        was, here = self.pieces[PIXELS].facts["values"]["psnr"], now.record.values["psnr"]
        if abs(was - here) > _SAME_DECIBELS:
            raise ClipError(
                f"its PSNR was {was:.2f} dB and is {here:.2f} dB now: the clip, the tokenizer or its weights have "
                "changed; evaluate anew, with an empty store or none"
            )
        self.pieces, self._store = {}, None

    def keep(self, scored: ScoredClip) -> None:
        """Put into the store what it lacks; nothing of an earlier run, which other code may have made."""
        if self._store is None or self._is_of_earlier_run:
            return
        new = [name for name in self._names if name not in self._stored]
        for name, piece in split(scored, new).items():
            self._store.put(self._stage(name), self._key(name), piece.to_bytes())

    def keep_reconstruction(self, path: Path) -> None:
        """Put a reconstruction into the store."""
        if self._store is not None:
            self._store.put(RECONSTRUCTIONS, self._made, path)

    def _read_store(self) -> dict[str, Piece]:
        if self._store is None:
            return {}
        found = {name: self._store.get(self._stage(name), self._key(name)) for name in self._names}
        return {name: Piece.from_bytes(content) for name, content in found.items() if content is not None}

    def _read_earlier(self) -> dict[str, Piece]:
        run = self._known.scored_earlier
        return split(run.scored(self._clip.id), self._names) if run and self._clip.id in run else {}

    def _find_reconstruction(self, agree: bool) -> Path | None:
        if PIXELS not in self.pieces or self._protocol.common_storage != "none":
            return None
        if self._known.reconstructions:
            path = self._known.reconstructions / reconstruction_name(self._clip)
            if path.is_file():
                return path
        return self._store.find(RECONSTRUCTIONS, self._made) if self._store and agree else None

    @cached_property
    def _made(self) -> str:
        """The key of the reconstruction."""
        assert self._store is not None
        return key_of(
            clip=clip_input(self._clip, self._protocol, self._store),
            by=self._known.made_by,
            environment=self._known.environment,
        )

    def _key(self, name: str) -> str:
        if name == PIXELS:
            convention = self._protocol.convention.as_dict()
            return key_of(of=self._made, pixels=convention, tokens=self._tokens, version=METRICS_VERSION)
        if name not in METRICS:
            return key_of(of=self._made, features=network_of(name, self._measures))
        metric = METRICS[name]
        network = metric.network and self._measures.files[metric.network].as_dict()
        return key_of(
            of=self._made, metric=name, definition=metric.definition, network=network, version=METRICS_VERSION
        )

    def _stage(self, name: str) -> str:
        return SCORES if name == PIXELS or name in METRICS else FEATURES


def clip_input(clip: Clip, protocol: Protocol, store: Store) -> dict[str, Any]:
    """What decides a clip's frames, as plain data: its files' content, and the cut."""
    return {
        "sha256": clip.sha256 or content_sha256(clip.path, store),
        "member": clip.member,
        "start": clip.start,
        "end": clip.end,
        "kind": clip.kind,
        "fps": clip.fps,
        "frames": protocol.frames,
    }


def network_of(name: str, measures: Measures) -> dict[str, Any]:
    """What decides a network's features, as plain data."""
    from tokenbench.metrics.feature_meters import FEATURES_VERSION

    return {"name": name, **measures.files[name].as_dict(), "version": FEATURES_VERSION}


def _same_errors(one: Piece, other: Piece) -> bool:
    return bool(one.facts["squared_errors"] == other.facts["squared_errors"])
