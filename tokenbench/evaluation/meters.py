"""All that is measured of one clip, in one pass over its frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from typing import Protocol as Interface

from tokenbench.errors import ClipError, NotApplicable
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.samples import Sample
from tokenbench.media.clip import Clip
from tokenbench.metrics import PixelScores
from tokenbench.metrics.catalog import MetricInfo
from tokenbench.metrics.convention_scores import ConventionScores
from tokenbench.metrics.frames import CHANNELS
from tokenbench.metrics.psnr_modes import Uint8WrapScores, psnr_frame

if TYPE_CHECKING:
    from tokenbench.metrics.feature_meters import SharedFeatures, Side

# Of the metrics' code: values of another version are not those that it gives.
METRICS_VERSION = 2

# Where a clip's values come from: nothing was done; its reconstruction was there; it was made.
Origin = Literal["known", "kept", "made"]

# These come out of one meter.
_PIXEL_METRICS = ("psnr", "ssim", "psnr-frame")


class Meter(Interface):
    """One metric of one clip, added up over chunks of frames."""

    def update(self, reference: Any, reconstruction: Any) -> None:
        """The next frames, T x H x W x 3 each."""
        ...

    def values(self) -> dict[str, float]:
        """By metric. NotApplicable where the clip has none."""
        ...


class FeatureMeter(Interface):
    """The features of one clip and of its reconstruction."""

    def update(self, reference: Any, reconstruction: Any) -> None:
        """The next frames, T x H x W x 3 each."""
        ...

    def features(self) -> Any:
        """float32 n x 2 x d."""
        ...


@dataclass(frozen=True)
class ScoredClip:
    """What came of a clip.

    Args:
        record: of it.
        attached: what is too large for the record, by kind.
        sample: one of its frames.
        origin: where its values come from.
    """

    record: ClipRecord
    attached: dict[str, bytes]
    sample: Sample | None = None
    origin: Origin = "made"


class PixelMeter:
    """PSNR and SSIM as published, and what else comes out of each frame's squared error."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._scores = PixelScores()
        self.squared_errors: list[int] = []

    def update(self, reference: Any, reconstruction: Any) -> None:
        """The next frames, uint8 T x H x W x 3 each."""
        self.squared_errors += self._scores.update(reference, reconstruction)

    def values(self) -> dict[str, float]:
        """PSNR and SSIM always: samples are ranked by the one, and they cost little."""
        values = self._scores.values()
        if "psnr-frame" in self._names:
            size = self._scores.height * self._scores.width * CHANNELS
            values["psnr-frame"] = psnr_frame(self.squared_errors, size)
        return values


class ClipMeters:
    """Every meter of a clip. Use it as a context: some hold a process.

    Args:
        measures: what is measured.
        protocol: by which definitions.
        clip: with its size and rate known.
        references: features of the reference, by network, where others need them too.
    """

    def __init__(
        self,
        measures: Measures,
        protocol: Protocol,
        clip: Clip,
        references: Mapping[str, SharedFeatures] | None = None,
    ) -> None:
        self._clip = clip
        self._frames = 0
        self._skipped: dict[str, str] = {}
        self._pixels = PixelMeter(measures.names) if protocol.convention.quantisation != "none" else None
        self._meters: dict[str, Meter] = {} if self._pixels is None else {"psnr": self._pixels}
        self._convention = protocol.convention.label
        if not protocol.is_paper:
            # Its PSNR and SSIM take the place of the published ones.
            self._meters[self._convention] = ConventionScores(protocol.convention)
        self._features: dict[str, FeatureMeter] = {}
        for metric in measures.metrics:
            if metric.over == "clip" and metric.media in ("any", clip.kind) and metric.name not in _PIXEL_METRICS:
                with self._skipping(metric.name):
                    self._meters[metric.name] = _open_meter(metric, measures, clip)
        for network in measures.set_networks(clip.kind):
            self._features[network] = _open_features(network, measures, (references or {}).get(network))

    def update(self, reference: Any, reconstruction: Any) -> None:
        """The next frames, T x H x W x 3 each."""
        self._frames += len(reference)
        everything: dict[str, Meter | FeatureMeter] = {**self._meters, **self._features}
        for name, meter in everything.items():
            with self._skipping(name):
                meter.update(reference, reconstruction)

    def scored(self) -> ScoredClip:
        """The clip has ended.

        Raises:
            ClipError: it cannot be measured, or the convention has no PSNR and SSIM of it.
        """
        values: dict[str, float] = {}
        for name, meter in list(self._meters.items()):
            with self._skipping(name):
                values |= _finite(meter.values())
        attached: dict[str, bytes] = {}
        for network, features in list(self._features.items()):
            with self._skipping(network):
                attached[f"{network}-{self._clip.kind}"] = features.features().tobytes()
        errors = [] if self._pixels is None else self._pixels.squared_errors
        record = ClipRecord.of(self._clip, self._frames, values, squared_errors=errors, skipped=self._skipped)
        return ScoredClip(record, attached)

    def __enter__(self) -> ClipMeters:
        return self

    def __exit__(self, *_: object) -> None:
        for meter in self._meters.values():
            _close(meter)

    @contextmanager
    def _skipping(self, name: str) -> Iterator[None]:
        """A metric that finds itself not applicable is left out, with its reason; the others go on."""
        try:
            yield
        except NotApplicable as error:
            if name == self._convention:
                # Nothing stands in for PSNR and SSIM of the run's convention, least of all the published ones.
                raise
            self._skipped[name] = str(error)
            self._features.pop(name, None)
            _close(self._meters.pop(name, None))


def _finite(values: dict[str, float]) -> dict[str, float]:
    """The values, none of which is NaN or infinite: no mean could hold it."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ClipError(f"{name} is {value}: check the network that it stands on")
    return values


def _close(meter: Any) -> None:
    if hasattr(meter, "close"):
        meter.close()


def _open_meter(metric: MetricInfo, measures: Measures, clip: Clip) -> Meter:
    network: Any = measures.networks.get(metric.network or "")
    if metric.name == "psnr-uint8wrap":
        return Uint8WrapScores()
    if metric.name == "ms-ssim":
        from tokenbench.metrics.ms_ssim import MsSsimScores

        return MsSsimScores()
    if metric.name in ("lpips", "lpips-alex", "st-lpips-vgg", "st-lpips-alex"):
        from tokenbench.metrics.perceptual import LpipsScores

        return LpipsScores(metric.name, network)
    if metric.name == "temporal-lpips":
        from tokenbench.metrics.perceptual import TemporalLpips

        return TemporalLpips(network)
    if metric.name == "flicker":
        from tokenbench.metrics.flicker import Flicker

        return Flicker()
    if metric.name in ("warp", "warp-ilk"):
        from tokenbench.metrics.warping import WarpingError, ilk_flow

        return WarpingError(metric.name, ilk_flow if network is None else network)
    if metric.name == "vmaf":
        from tokenbench.metrics.vmaf import Vmaf

        return Vmaf(clip.height, clip.width, clip.fps)
    raise KeyError(metric.name)


def _open_features(network: str, measures: Measures, reference: SharedFeatures | None) -> FeatureMeter:
    from tokenbench.metrics.feature_meters import PairedFeatures, SharedFeatures

    return PairedFeatures(reference or SharedFeatures(open_side(network, measures)), open_side(network, measures))


def open_side(network: str, measures: Measures) -> Side:
    """What makes features of one side of a clip, with one of the measures' networks."""
    from tokenbench.metrics.feature_meters import ClipFeatures, FrameFeatures

    loaded = measures.networks[network]
    return ClipFeatures(loaded) if network == "i3d-kinetics400" else FrameFeatures(loaded)
