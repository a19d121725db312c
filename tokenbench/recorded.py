"""Tokenizers as files name them: a token file, a result. No file decides which code is run.

Loading some tokenizers runs code out of files that their name gives: a class in a Python file, a TorchScript archive.
Such a name does what it says only where the user has typed it; out of a file it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from tokenbench.custom import is_custom
from tokenbench.errors import TokenBenchError, printable
from tokenbench.registry import find_card, load_tokenizer

if TYPE_CHECKING:
    import torch

    from tokenbench.tokenizer import Tokenizer

# Arguments of every tokenizer, which are no settings.
_TAKEN = {"name", "weights", "device", "dtype"}


def load_recorded(
    recorded: str,
    settings: Mapping[str, Any],
    *,
    where: object,
    typed: Collection[str] = (),
    weights: str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> Tokenizer:
    """The tokenizer that a file names.

    Args:
        recorded: name, as the file has it.
        settings: likewise.
        where: the file, for messages.
        typed: names that the user gave on the command line.
        weights: as `load_tokenizer` takes them.
        device: where it runs.
        dtype: of its arithmetic.

    Raises:
        TokenBenchError: loading it would run code that the user did not name; whatever `load_tokenizer` raises.
    """
    if taken := sorted(str(name) for name in settings if not isinstance(name, str) or name in _TAKEN):
        raise TokenBenchError(f"{where}: {printable(taken[0])!r} is no setting of a tokenizer; make the file again")
    if recorded not in typed and runs_code_of_its_name(recorded):
        raise TokenBenchError(
            f"{where} names the tokenizer {printable(recorded)!r}, whose files hold code that would be run; if you "
            f"trust them, type --tokenizer {printable(recorded)}"
        )
    return load_tokenizer(recorded, weights=weights, device=device, dtype=dtype, **settings)


def runs_code_of_its_name(name: str) -> bool:
    """Whether loading a tokenizer runs code out of files that its name gives.

    Raises:
        TokenBenchError: there is no such tokenizer.
    """
    return is_custom(name) or find_card(name).runs_code
