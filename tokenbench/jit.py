"""Compiled loops. Importing this module loads numba, which takes half a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """`function` compiled once per installation, free of the interpreter's lock.

    No `fastmath`: results are the same on every machine. Division follows IEEE, so that LLVM can vectorise it.
    """
    try:
        return njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:
        # A read-only installation and no home: no folder for the cache, so every process compiles anew.
        return njit(nogil=True, error_model="numpy")(function)
