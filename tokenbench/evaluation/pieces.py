"""What was measured of a clip, in pieces that can be kept apart and put together again: one a metric or network."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.samples import Sample
from tokenbench.media.clip import Clip, MediaKind
from tokenbench.metrics import METRICS
from tokenbench.metrics.frames import CHANNELS
from tokenbench.metrics.psnr_modes import psnr_frame
from tokenbench.networks import NETWORKS

# The piece that every clip has: PSNR, SSIM, squared errors, traits, tokens, and one frame to look at.
PIXELS = "pixels"

# It comes out of the squared errors.
_DERIVED = "psnr-frame"
_IN_PIXELS = ("psnr", "ssim", "seam", "bits_per_pixel")

_FACTS = "facts.json"


@dataclass(frozen=True)
class Piece:
    """One part of what was measured of a clip.

    Args:
        facts: plain JSON data.
        blobs: what is none, by name.
    """

    facts: Mapping[str, Any]
    blobs: Mapping[str, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As a zip archive; equal pieces give equal bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            facts = json.dumps(self.facts, allow_nan=False, ensure_ascii=False).encode()
            for name, content in {_FACTS: facts, **self.blobs}.items():
                archive.writestr(zipfile.ZipInfo(name), content)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Piece:
        """What `to_bytes` has written.

        Raises:
            TokenBenchError: it was not written by it.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                blobs = {name: archive.read(name) for name in archive.namelist()}
            return cls(json.loads(blobs.pop(_FACTS)), blobs)
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise TokenBenchError(f"an entry of the store is no piece ({error}); clear the store") from error


# By the name of a metric or network, or `PIXELS`.
Pieces = Mapping[str, Piece]


def wanted(measures: Measures, kind: MediaKind) -> list[str]:
    """The pieces that make up all that is measured of a clip of that kind."""
    metrics = [
        metric.name
        for metric in measures.metrics
        if metric.over == "clip" and metric.media in ("any", kind) and metric.name not in (*_IN_PIXELS, _DERIVED)
    ]
    return [PIXELS, *metrics, *measures.set_networks(kind)]


def limited_to(measures: Measures, names: list[str]) -> Measures:
    """The measures that give these pieces alone; `PIXELS` comes with all."""
    metrics = tuple(
        metric for metric in measures.metrics if (metric.network if metric.over == "set" else metric.name) in names
    )
    return replace(measures, metrics=metrics)


def split(scored: ScoredClip, names: list[str]) -> dict[str, Piece]:
    """The named pieces of what was measured.

    Args:
        scored: all that was measured of a clip.
        names: of pieces; those that it has nothing of are left out.
    """
    record = scored.record
    others = [name for name in names if name != PIXELS]
    pieces = {}
    for name in others:
        attached = _attachment(name, record.kind)
        facts = {
            "values": {name: record.values[name]} if name in record.values else {},
            "skipped": {name: record.skipped[name]} if name in record.skipped else {},
        }
        blobs = {attached: scored.attached[attached]} if attached in scored.attached else {}
        if any(facts.values()) or blobs:
            pieces[name] = Piece(facts, blobs)
    if PIXELS in names:
        pieces[PIXELS] = _pixels(scored)
    return pieces


def join(clip: Clip, pieces: Pieces, measures: Measures) -> ScoredClip:
    """What was measured of a clip, as if all of it had been measured at once.

    Args:
        clip: with its size and rate known.
        pieces: all that are `wanted`.
        measures: of the run.
    """
    pixels = pieces[PIXELS]
    facts = [piece.facts for piece in pieces.values()]
    values = {name: value for each in facts for name, value in each["values"].items()}
    errors = list(pixels.facts["squared_errors"])
    if _DERIVED in measures.names and errors:
        values[_DERIVED] = psnr_frame(errors, clip.height * clip.width * CHANNELS)
    skipped = {name: reason for each in facts for name, reason in each["skipped"].items()}
    record = ClipRecord.of(
        clip,
        pixels.facts["frames"],
        values,
        traits=dict(pixels.facts["traits"]),
        squared_errors=errors,
        skipped=skipped,
    )
    blobs = {name: blob for piece in pieces.values() for name, blob in piece.blobs.items()}
    pictures = [blobs.pop(name, b"") for name in _PICTURES]
    sample = Sample(pixels.facts["sample"], *pictures) if all(pictures) else None
    return ScoredClip(record, blobs, sample, origin="known")


_PICTURES = ("reference.png", "reconstruction.png")


def _pixels(scored: ScoredClip) -> Piece:
    record, sample, known = scored.record, scored.sample, {**METRICS, **NETWORKS}
    tokens = _attachment("tokens", record.kind)
    blobs = {tokens: scored.attached[tokens]} if tokens in scored.attached else {}
    if sample:
        blobs |= dict(zip(_PICTURES, (sample.reference, sample.reconstruction), strict=True))
    facts = {
        "frames": record.frames,
        "values": {name: value for name, value in record.values.items() if name in _IN_PIXELS},
        "traits": record.traits,
        "squared_errors": list(record.squared_errors),
        "skipped": {name: reason for name, reason in record.skipped.items() if name not in known},
        "sample": sample.frame if sample else 0,
    }
    return Piece(facts, blobs)


def _attachment(name: str, kind: MediaKind) -> str:
    """The name of what a network leaves behind of a clip."""
    return f"{name}-{kind}"
