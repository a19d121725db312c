"""The tokenizer contract: what a tokenizer does, and the card that describes it.

Importing this module costs no torch: a card names its network as "module:object", which is resolved on first use.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

from tokenbench.errors import TokenBenchError
from tokenbench.weights.source import HubSource

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

# Continuous latents are counted at the width in which released models store them (float16, bfloat16).
BITS_PER_LATENT_VALUE = 16

# What a card says of weights that are installed with its tokenizer.
IN_PACKAGE = "in the package"

Kind = Literal["continuous", "discrete", "codec"]
Modality = Literal["image", "video"]


@dataclass(frozen=True, kw_only=True)
class Padding:
    """The frame counts and sizes that a tokenizer takes, and how a clip is padded to meet them.

    Args:
        frames: `(multiple, remainder)`: valid frame counts are T = remainder (mod multiple), T >= 1. A causal video
            tokenizer with temporal compression t takes `(t, 1)`.
        size: `(height, width)` multiples, in pixels.
        space: what the added pixels hold: the nearest edge pixel, black (-1) or mid-grey (0).
        centred: half of the padding goes in front (top, left, first frame), the rest behind; otherwise all behind.
            Added frames always repeat the first or the last frame.
    """

    frames: tuple[int, int] = (1, 0)
    size: tuple[int, int] = (1, 1)
    space: Literal["edge", "black", "grey"] = "edge"
    centred: bool = False


@dataclass(frozen=True, kw_only=True)
class TokenizerInfo:
    """What the listing, the report and the runner need to know of a tokenizer.

    Args:
        name: `family-kind-TxHxW`, or a codec's operating point (`h264-crf23`).
        kind: continuous latents, discrete codes, or a codec's bytes.
        modality: what the network takes: `B x 3 x T x H x W` ("video") or `B x 3 x H x W` ("image").
        compression: pixels a token stands for along time, height and width; 1, 1, 1 where there is no grid.
        latent_channels: values a token holds (continuous).
        vocabulary: number of codes (discrete).
        bits_per_pixel: nominal rate; None where it is what was really written (codecs).
        parameters: of the network, encoder and decoder together.
        license: of the weights, as an SPDX name where there is one.
        weights: where the weights come from; "none" where there are none, `IN_PACKAGE` where they are installed with
            the tokenizer.
        source: paper, specification or reference tool that defines it.
        description: one line.
        window: frames that the runner passes in one call where the tokenizer does not stream; None takes the
            whole clip in one call.
        padding: what the runner pads a clip to.

    Raises:
        TokenBenchError: a field holds what it cannot.
    """

    name: str
    kind: Kind
    modality: Modality = "video"
    compression: tuple[int, int, int] = (1, 1, 1)
    latent_channels: int | None = None
    vocabulary: int | None = None
    bits_per_pixel: float | None = None
    parameters: int = 0
    license: str = "unknown"
    weights: str = "none"
    source: str = ""
    description: str = ""
    window: int | None = 17
    padding: Padding = field(default_factory=Padding)

    def __post_init__(self) -> None:
        for name, allowed in (("kind", get_args(Kind)), ("modality", get_args(Modality))):
            if getattr(self, name) not in allowed:
                raise TokenBenchError(
                    f"tokenizer {self.name!r}: {name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}"
                )
        if len(self.compression) != 3 or min(self.compression) < 1:
            raise TokenBenchError(
                f"tokenizer {self.name!r}: compression is {self.compression}, expected three whole numbers (T, H, W)"
            )


def nominal_bits_per_pixel(
    compression: tuple[int, int, int], *, latent_channels: int | None = None, vocabulary: int | None = None
) -> float:
    """Bits per pixel of a token grid, without entropy coding.

    Continuous tokens count `BITS_PER_LATENT_VALUE` for each of their channels, discrete ones log2(vocabulary).
    """
    if vocabulary is not None:
        bits = math.log2(vocabulary)
    elif latent_channels is not None:
        bits = float(BITS_PER_LATENT_VALUE * latent_channels)
    else:
        raise ValueError("either latent_channels or vocabulary is needed")
    return bits / math.prod(compression)


@dataclass(frozen=True)
class Tokens:
    """What `encode` gives and `decode` takes.

    Args:
        data: continuous: float `B x C x t x h x w` (image: without t); discrete: int `B x t x h x w`;
            codec: the bytes written.
        bits: that these tokens take, over the whole batch; None where it is not known.
    """

    data: Any
    bits: float | None


@runtime_checkable
class Tokenizer(Protocol):
    """A visual tokenizer.

    Video is float `B x 3 x T x H x W` in [-1, 1], images are `B x 3 x H x W`. `decode` returns what the network gives,
    unclamped, in that range and layout. A tokenizer that can carry state over a clip also has
    `stream(*, fps) -> Stream`, or `frame_stream(*, fps) -> FrameStream` where it works on 8-bit pixels itself, as
    codecs do; the runner cuts the clip into windows for one that has neither. One whose two halves stream apart has
    `encode_stream() -> TokenEncoder` and `decode_stream() -> TokenDecoder`.

    `provenance`, where there is one, is what results say of the weights and the choices behind them.
    """

    info: TokenizerInfo

    def encode(self, video: Tensor) -> Tokens:
        """Tokens of a batch."""
        ...

    def decode(self, tokens: Tokens) -> Tensor:
        """The batch that the tokens stand for."""
        ...

    def reconstruct(self, video: Tensor) -> Tensor:
        """Decode what was encoded: same shape as `video`."""
        return self.decode(self.encode(video))


class Stream(Protocol):
    """One clip on its way through a tokenizer: push chunks, get chunks, flush.

    Chunks are float `1 x 3 x T x H x W` in [-1, 1] with T >= 1 going in and T >= 0 coming out; over the whole clip as
    many frames come out as went in, in the same order.
    """

    @property
    def bits(self) -> float | None:
        """Of all tokens so far; None where it is not known."""
        ...

    def push(self, video: Tensor) -> Tensor:
        """Take the next frames; give those that are finished."""
        ...

    def flush(self) -> Tensor:
        """The clip has ended: give the rest."""
        ...


class TokenEncoder(Protocol):
    """One clip on its way into tokens.

    Chunks are float `1 x 3 x T x H x W` in [-1, 1] with T >= 1, cut anywhere; over the whole clip their frames add up
    to a number that the tokenizer takes. Tokens are a tensor with time on the axis that `Tokens.data` has it on.
    """

    def push(self, video: Tensor) -> Tensor:
        """Take the next frames; give the finished tokens: `1 x C x t x h x w` or int `1 x t x h x w`, t >= 0."""
        ...

    def flush(self) -> Tensor:
        """The clip has ended: give the rest."""
        ...


class TokenDecoder(Protocol):
    """A clip's tokens on their way back into frames."""

    def push(self, tokens: Tensor) -> Tensor:
        """Take the next tokens, t >= 1; give the frames that are finished, float `1 x 3 x T x H x W`, T >= 0."""
        ...

    def flush(self) -> Tensor:
        """The clip has ended: give the rest."""
        ...


class FrameStream(Protocol):
    """As `Stream`, in 8-bit RGB: chunks are uint8 `T x H x W x 3`."""

    @property
    def bits(self) -> float | None:
        """Of all tokens so far; None where it is not known."""
        ...

    def push(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Take the next frames; give those that are finished."""
        ...

    def flush(self) -> NDArray[np.uint8]:
        """The clip has ended: give the rest."""
        ...


@dataclass(frozen=True, kw_only=True)
class Card:
    """A registered tokenizer: its description, and how it is made.

    Args:
        info: what the listing shows.
        factory: "module:object", called as `factory(info, weights=..., device=..., dtype=..., **options)`.
        options: keyword arguments that belong to this card, such as a codec's operating point.
        switches: further keyword arguments that a user may set, and what each does; the factory has defaults for them.
        hub: where the weights are published, for tokenizers that have some.
        requires: packages beyond tokenbench's own: the name that each is imported by, without dots, and what pip
            installs to have it, such as `{"diffusers": "tokenbench[diffusers]"}`.
        runs_code: loading it runs code out of files that its name gives, so that the user must have typed the name.
    """

    info: TokenizerInfo
    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, str] = field(default_factory=dict)
    hub: HubSource | None = None
    requires: Mapping[str, str] = field(default_factory=dict)
    runs_code: bool = False

    @property
    def has_weights(self) -> bool:
        """Whether there is something to fetch or import; some tokenizers need no weights, or come with theirs."""
        return self.hub is not None or self.info.weights not in ("none", IN_PACKAGE)

    @property
    def file_sets(self) -> tuple[tuple[str, ...], ...]:
        """What its weights are called, as `HubSource.file_sets`; empty where that is not known."""
        return self.hub.file_sets if self.hub is not None else ()

    @property
    def where_to_get(self) -> str:
        """Where its weights can be had, for messages."""
        return f"get them from {self.info.weights} and accept their license ({self.info.license})"

    @property
    def to_install(self) -> str:
        """The command that installs what is missing of `requires`; empty where nothing is. Imports nothing."""
        missing = [wanted for name, wanted in self.requires.items() if importlib.util.find_spec(name) is None]
        return f"pip install {' '.join(map(repr, dict.fromkeys(missing)))}" if missing else ""

    def load(
        self,
        weights: str | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> Tokenizer:
        """Make the tokenizer; `dtype` None means float32.

        Raises:
            TokenBenchError: a setting is none of the card's switches, there are weights for a tokenizer that has none,
                or a package is missing; whatever the factory raises.
        """
        import torch

        if unknown := [name for name in settings if name not in self.switches]:
            known = ", ".join(self.switches) or "none"
            raise TokenBenchError(f"{self.info.name} has no setting {unknown[0]!r}; its settings are: {known}")
        if weights is not None and self.info.weights == "none":
            raise TokenBenchError(f"{self.info.name} has no weights, by its card; leave out --weights")
        if command := self.to_install:
            raise TokenBenchError(f"{self.info.name} needs a package that is not installed: {command}")
        where = {} if self.hub is None else {"hub": self.hub}

        module, _, attribute = self.factory.partition(":")
        factory = getattr(importlib.import_module(module), attribute)
        return factory(
            self.info,
            weights=weights,
            device=torch.device(device),
            dtype=dtype or torch.float32,
            **where,
            **self.options,
            **settings,
        )
