"""TokenBench: judge visual tokenizers on real clips, with numbers that can be reproduced.

The public names are resolved on first use, so that `import tokenbench` costs nothing and the command line
answers before torch is loaded.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenbench import metrics
    from tokenbench.errors import TokenBenchError
    from tokenbench.registry import load_tokenizer
    from tokenbench.tokenizer import Card, Padding, Tokenizer, TokenizerInfo, Tokens

__version__ = "0.1.0"

__all__ = [
    "Card",
    "Padding",
    "TokenBenchError",
    "Tokenizer",
    "TokenizerInfo",
    "Tokens",
    "load_tokenizer",
    "metrics",
]

_HOMES = {
    "Card": "tokenbench.tokenizer",
    "Padding": "tokenbench.tokenizer",
    "TokenBenchError": "tokenbench.errors",
    "Tokenizer": "tokenbench.tokenizer",
    "TokenizerInfo": "tokenbench.tokenizer",
    "Tokens": "tokenbench.tokenizer",
    "load_tokenizer": "tokenbench.registry",
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return importlib.import_module("tokenbench.metrics")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tokenbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
