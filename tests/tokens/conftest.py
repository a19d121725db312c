"""Small tokenizers of every sort that token files know, in a file of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.registry import load_tokenizer
from tokenbench.tokens import Encoding

STUBS = Path(__file__).with_name("stubs.py")


@pytest.fixture
def encoding() -> Callable[..., Encoding]:
    """How clips go through a tokenizer: a registered one, or the class of that name in `stubs.py`."""

    def make(name: str, *, dtype: torch.dtype = torch.float32, window: int | None = None, **choices: int) -> Encoding:
        full = f"{STUBS}:{name}" if name[0].isupper() else name
        compute = Compute(torch.device("cpu"), dtype)
        tokenizer = load_tokenizer(full, dtype=dtype)
        return Encoding(name=full, tokenizer=tokenizer, compute=compute, window=window, **choices)

    return make


@pytest.fixture
def video(folder: Path) -> Clip:
    """14 frames of 64 x 80."""
    return Clip(id="even.mkv", domain="", path=folder / "even.mkv", kind="video").probed()


@pytest.fixture
def odd(folder: Path) -> Clip:
    """11 frames of 67 x 93: nothing fits without padding."""
    return Clip(id="odd.mkv", domain="", path=folder / "odd.mkv", kind="video").probed()


@pytest.fixture
def photo(folder: Path) -> Clip:
    """77 x 102."""
    return Clip(id="photo.png", domain="", path=folder / "photo.png", kind="image").probed()
