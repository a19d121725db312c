"""What is measured: a tokenizer at a size, a number of frames and a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from tokenbench.custom import is_custom
from tokenbench.files import sha256_of_file
from tokenbench.readiness import readiness
from tokenbench.registry import find_card, registered, split_names

RANDOM = "random"

# In which the released Cosmos networks compute on a GPU; CPUs are at their best in float32.
_DTYPES = {"cuda": "bfloat16", "cpu": "float32"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row to measure.

    Args:
        tokenizer: a name, or `path/to/file.py:ClassName`.
        size: height and width; None takes the paper's for the tokenizer's modality.
        frames: of a clip; None takes the published row's, else those of the tokenizer's window. Images have one.
        batch: images or clips in one call.
        device: torch's name of it.
        dtype: of the network and of its input.
        weights: as `load_tokenizer` takes them.
        settings: of the tokenizer.
        compile: whether encode and decode go through `torch.compile`.
        warmup: round trips before the first that is timed.
        repeats: round trips that are timed.
        file_sha256: of the file of one's own tokenizer.
    """

    tokenizer: str
    size: tuple[int, int] | None = None
    frames: int | None = None
    batch: int = 1
    device: str = "cpu"
    dtype: str = "float32"
    weights: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    compile: bool = False
    warmup: int = 3
    repeats: int = 10
    file_sha256: str | None = None


def plan(
    tokenizers: Sequence[str],
    *,
    sizes: Sequence[tuple[int, int]] = (),
    frames: Sequence[int] = (),
    batches: Sequence[int] = (1,),
    device: str = "cpu",
    dtype: str | None = None,
    weights: str | None = None,
    **same: Any,
) -> list[Case]:
    """Every combination, tokenizer by tokenizer.

    Args:
        tokenizers: names; one may itself hold several, with commas between them.
        sizes: heights and widths; none takes the paper's.
        frames: of clips; none takes each tokenizer's own.
        batches: images or clips in one call.
        device: torch's name of it.
        dtype: None takes bfloat16 on CUDA and float32 on the CPU.
        weights: for all of them; None takes random ones where those of a registered tokenizer are not here.
        same: further fields of `Case`, the same in all.

    Raises:
        TokenBenchError: a tokenizer is not known, or its file is missing.
    """
    cases = []
    for name in dict.fromkeys(name for text in tokenizers for name in split_names(text)):
        card = None if is_custom(name) else find_card(name)
        is_image = card is not None and card.info.modality == "image"
        cases += [
            Case(
                tokenizer=name,
                size=size,
                frames=count,
                batch=batch,
                device=device,
                dtype=dtype or _DTYPES.get(device.partition(":")[0], "float32"),
                weights=_weights(name) if weights is None else weights,
                file_sha256=sha256_of_file(Path(name.rpartition(":")[0])) if card is None else None,
                **same,
            )
            for size, count, batch in product(sizes or (None,), (not is_image and frames) or (None,), batches)
        ]
    return cases


def _weights(name: str) -> str | None:
    """None for the tokenizer's own: they are here, or it brings them along."""
    card = registered().get(name)
    return RANDOM if card is not None and readiness(card).state == "weights missing" else None
