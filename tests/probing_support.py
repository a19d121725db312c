"""Tokenizers that do one thing wrong on purpose, for the tests of probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tokenbench.evaluation.windows import Compute
from tokenbench.probing.probe import Subject
from tokenbench.registry import load_tokenizer
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens

LEVEL = 2 / 255
CPU = Compute(torch.device("cpu"), torch.float32)


class Faulty(Tokenizer):
    """Its tokens are the pixels, and its decoder gives them after `change`, B x 3 x (T x) H x W."""

    def __init__(self, change: Callable[[Tensor], Tensor], **info: Any) -> None:
        self.info = TokenizerInfo(name="faulty", **{"kind": "continuous", "window": None, **info})
        self._change = change

    def encode(self, video: Tensor) -> Tokens:
        return Tokens(video, None)

    def decode(self, tokens: Tokens) -> Tensor:
        return self._change(tokens.data)


def faulty(change: Callable[[Tensor], Tensor], *, size: int = 128, **info: Any) -> Subject:
    return Subject(tokenizer=Faulty(change, **info), compute=CPU, size=size)


def subject(name: str, *, size: int = 128) -> Subject:
    return Subject(tokenizer=load_tokenizer(name), compute=CPU, size=size)
