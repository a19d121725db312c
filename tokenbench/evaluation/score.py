"""Score one clip: decode, reconstruct, measure, in one pass of bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

from tokenbench.evaluation.measures import DEFAULT_MEASURES, Measures
from tokenbench.evaluation.meters import ClipMeters, ScoredClip
from tokenbench.evaluation.pairs import reconstruct
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.source import Chunks, ClipSource
from tokenbench.evaluation.storage import open_storage
from tokenbench.evaluation.stored_alike import stored_alike
from tokenbench.evaluation.streams import open_stream, sees_tokens, window_used
from tokenbench.evaluation.token_meter import TokenMeter, TokenWork
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.metrics import seam
from tokenbench.metrics.frames import CHANNELS
from tokenbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from tokenbench.metrics.feature_meters import SharedFeatures

# Of the way from a clip to its reconstruction: one that another version made may be another.
RECONSTRUCTION_VERSION = 2


class Observer(Interface):
    """Something else that looks at the frames as they are scored."""

    def update(self, reference: Any, reconstruction: Any) -> None:
        """The next frames, T x H x W x 3 each: arrays, or tensors on the tokenizer's device."""
        ...


def score_clip(
    clip: Clip,
    tokenizer: Tokenizer,
    protocol: Protocol,
    compute: Compute,
    observers: Sequence[Observer] = (),
    measures: Measures = DEFAULT_MEASURES,
    tokens: TokenWork = "off",
    chunks: Chunks | None = None,
    references: Mapping[str, SharedFeatures] | None = None,
) -> ScoredClip:
    """Reconstruct a clip and measure it.

    On CUDA, frames that nothing stores stay on the device: only scores come back.

    Args:
        clip: with its size and rate known (`Clip.probed`).
        tokenizer: on `compute.device`.
        protocol: which frames, in which windows, through which storage, by which definitions.
        compute: device and dtype of the tokenizer.
        observers: look at every pair of chunks.
        measures: what is measured.
        tokens: what is made of the tokens, where they can be seen.
        chunks: the clip's frames, where somebody else decodes them, and makes out the clip's traits; closed here.
        references: features of the clip itself, by network, where others need them too.

    Raises:
        ClipError: the clip cannot be read, reconstructed or measured.
    """
    seen = tokens != "off" and sees_tokens(tokenizer, protocol.window)
    meter = TokenMeter(tokenizer.info, clip.kind, coded=tokens == "code") if seen else None
    stream = open_stream(
        tokenizer,
        compute,
        fps=clip.fps,
        window=protocol.window,
        quantisation=protocol.convention.quantisation,
        on_device=stays_on_device(compute, protocol),
        on_tokens=meter.update if meter else None,
    )
    storage = open_storage(protocol.reconstruction_storage, clip.height, clip.width, clip.fps)
    source = ClipSource(clip, protocol.frames)
    with (
        closing(source.chunks() if chunks is None else chunks) as frames,
        ClipMeters(measures, protocol, clip, references) as meters,
    ):
        for pair in stored_alike(reconstruct(frames, stream, storage), protocol.common_storage, clip):
            meters.update(*pair)
            for observer in observers:
                observer.update(*pair)
        scored = meters.scored()
    # None where another source has decoded the frames.
    scored.record.traits.update(source.traits())
    values = scored.record.values
    if scored.record.squared_errors and (window := window_used(tokenizer, protocol.window)):
        border = seam(scored.record.squared_errors, window, clip.height * clip.width * CHANNELS)
        values |= {} if border is None else {"seam": border}
    if stream.bits is not None:
        values["bits_per_pixel"] = stream.bits / (scored.record.frames * clip.height * clip.width)
    if meter:
        scored.record.skipped.update(meter.skipped)
        scored.attached.update(meter.attached())
    return scored


def stays_on_device(compute: Compute, protocol: Protocol) -> bool:
    """Whether frames are scored where the network leaves them: on a GPU, where nothing stores or converts them."""
    return compute.device.type == "cuda" and protocol.storage == "none" and protocol.is_paper
