"""Calls into tokenizers, which are strangers' code: whatever goes wrong there is one clip's failure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokenbench.errors import OUT_OF_MEMORY, ClipError, TokenBenchError, is_out_of_memory
from tokenbench.tokenizer import Tokenizer


def guarded(what: str, call: Any, *arguments: Any) -> Any:
    """Call into a tokenizer; whatever it raises becomes the clip's failure, in one line.

    Raises:
        ClipError: names the call, the error's type and its message.
    """
    try:
        with torch.inference_mode():
            return call(*arguments)
    except TokenBenchError:
        raise
    except Exception as error:  # a stranger's code may raise anything; the other clips go on
        if is_out_of_memory(error):
            raise ClipError(f"{what}: {OUT_OF_MEMORY}") from error
        lines = str(error).strip().splitlines()
        raise ClipError(f"{what} raised {type(error).__name__}: {lines[0] if lines else 'no message'}") from error


def provenance_of(tokenizer: Tokenizer) -> dict[str, Any] | None:
    """What the tokenizer says of its weights and the choices behind them; None where it says nothing.

    Raises:
        TokenBenchError: it is not plain data, which results could hold.
    """
    try:
        return json.loads(json.dumps(getattr(tokenizer, "provenance", None), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TokenBenchError(f"{tokenizer.info.name}: its provenance is not plain JSON data: {error}") from error


def describe(value: Any) -> str:
    """Its shape, or its type where it is no tensor."""
    return " x ".join(map(str, value.shape)) if isinstance(value, (Tensor, np.ndarray)) else f"a {type(value).__name__}"
