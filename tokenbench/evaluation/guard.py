"""Calls into tokenizers, which are strangers' code: whatever goes wrong there is one clip's failure."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError


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
        lines = str(error).strip().splitlines()
        raise ClipError(f"{what} raised {type(error).__name__}: {lines[0] if lines else 'no message'}") from error


def describe(value: Any) -> str:
    """Its shape, or its type where it is no tensor."""
    return " x ".join(map(str, value.shape)) if isinstance(value, (Tensor, np.ndarray)) else f"a {type(value).__name__}"
