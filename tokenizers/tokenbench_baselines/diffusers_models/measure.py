"""What a network takes and gives, found by running shapes through it, without weights or arithmetic.

Networks of the library do not state the sizes and frame counts that they keep: what does not fit is dropped or enlarged
without a word. So the smallest multiples are searched of which clips come back in their own shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from tokenbench.errors import TokenBenchError, printable
from tokenbench.tokenizer import Modality, Padding, TokenizerInfo
from tokenbench_baselines.diffusers_models.image import ADAPTERS as IMAGE_ADAPTERS
from tokenbench_baselines.diffusers_models.image import ImageAutoencoder
from tokenbench_baselines.diffusers_models.loading import build, diffusers_class
from tokenbench_baselines.diffusers_models.video import ADAPTERS as VIDEO_ADAPTERS
from tokenbench_baselines.diffusers_models.video import VideoAutoencoder

# What is tried, in this order: multiples of height and width, and (multiple, remainder) of frame counts.
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_FRAMES = ((1, 0), *((multiple, rest) for multiple in (2, 3, 4, 6, 8, 12, 16) for rest in (1, 0)))

# A height and width that any network takes which is worth a look.
_PLAIN = (128, 128)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network's facts.

    Args:
        modality: what it takes.
        compression: pixels that a token stands for along T, H and W.
        latent_channels: values of a token; None where it is a code.
        vocabulary: codes; None where there are none.
        padding: the frame counts and sizes that come back as they went in.
        parameters: of the network.
    """

    modality: Modality
    compression: tuple[int, int, int]
    latent_channels: int | None
    vocabulary: int | None
    padding: Padding
    parameters: int


def measure(name: str, class_name: str, config: Mapping[str, Any]) -> Measured:
    """Measure a network.

    Args:
        name: of the tokenizer, for messages.
        class_name: of the library.
        config: its arguments.

    Raises:
        TokenBenchError: no network can be made of these, or nothing comes back from it in its own shape.
    """
    with torch.device("meta"):
        module = build(diffusers_class(class_name), config, name).eval().requires_grad_(False)
    parameters = sum(weight.numel() for weight in module.parameters())
    info = TokenizerInfo(name=name, kind="continuous")
    adapters: dict[Modality, Any] = {
        "image": IMAGE_ADAPTERS.get(class_name, ImageAutoencoder),
        "video": VIDEO_ADAPTERS.get(class_name, VideoAutoencoder),
    }
    problems = []
    for modality, adapter in adapters.items():
        probe = _Probe(adapter(info, module, {"settings": {}}), modality)
        if (padding := probe.padding()) is not None:
            compression, channels = probe.tokens(padding)
            return Measured(
                modality=modality,
                compression=compression,
                latent_channels=channels,
                vocabulary=None if channels else module.config.num_vq_embeddings,
                padding=padding,
                parameters=parameters,
            )
        problems.append(f"{modality}: {probe.problem}")
    raise TokenBenchError(
        f"{name}: nothing comes back from {class_name} in the shape that it had ({'; '.join(problems)});"
        " use path/to/file.py:Class with an adapter of your own"
    )


class _Probe:
    """A network without weights behind an adapter's two halves."""

    def __init__(self, adapter: Any, modality: Modality) -> None:
        self._adapter = adapter
        self._is_image = modality == "image"
        self.problem = "every size and frame count comes back changed"

    def padding(self) -> Padding | None:
        """The smallest rule that keeps every shape; None where none does."""
        keeps = (rule for rule in _FRAMES if all(self._through(count, *_PLAIN) for count in _counts(rule)))
        frames = (1, 0) if self._is_image else next(keeps, None)
        if frames is None:
            return None
        size = next((multiple for multiple in _SIZES if self._through(min(_counts(frames)), *_odd(multiple))), None)
        return None if size is None else Padding(frames=frames, size=(size, size))

    def tokens(self, padding: Padding) -> tuple[tuple[int, int, int], int | None]:
        """Compression and channels, from the tokens of a clip that fits."""
        frames, (height, width) = max(_counts(padding.frames)), _PLAIN
        found = self._through(frames, height, width) or ()
        axes = 2 if self._is_image else 3
        t, h, w = (1, *found[-2:]) if self._is_image else found[-3:]
        first = padding.frames[1]
        compression = (1 if self._is_image else (frames - first) // (t - first), height // h, width // w)
        return compression, found[1] if len(found) == 2 + axes else None

    def _through(self, frames: int, height: int, width: int) -> tuple[int, ...] | None:
        """The shape of a clip's tokens; None where it does not come back in its own shape."""
        shape = (1, 3, height, width) if self._is_image else (1, 3, frames, height, width)
        try:
            # Some networks make tensors of their own, which belong on the device of the others.
            with torch.inference_mode(), torch.device("meta"):
                tokens = self._adapter._encoded(torch.empty(shape))
                back = self._adapter._decoded(tokens)
        except Exception as error:  # whatever a network says of a shape that it does not take
            self.problem = f"{type(error).__name__}: {printable(error)}"
            return None
        return tuple(tokens.shape) if back.shape == shape else None


def _counts(rule: tuple[int, int]) -> list[int]:
    """Frame counts of a rule, that which most networks take last; some cut long clips otherwise than short ones."""
    multiple, rest = rule
    return [rest + multiple * times for times in (1, 2, 3, 5, 0) if rest + times]


def _odd(multiple: int) -> tuple[int, int]:
    """A height and a width that are multiples of this and of no larger power of two, 64 at least."""
    times = max(3, 64 // multiple | 1)
    return multiple * times, multiple * (times + 2)
