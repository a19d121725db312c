"""Everything that decides a reconstruction but its clip: what a store's keys are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenbench.custom import is_custom
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.score import RECONSTRUCTION_VERSION
from tokenbench.evaluation.windows import Compute
from tokenbench.registry import find_card, packages_of

# Of the environment of a result: what may move a value's last digits. The number of threads may too, but work that
# other workers have begun is to be gone on with.
_DECISIVE = ("tokenbench", "torch", "numpy", "av", "numba", "pillow", "ffmpeg", "device_name")


def deciding(environment: Mapping[str, Any], compute: Compute) -> dict[str, Any]:
    """The part of a result's environment that decides values."""
    return {"device": compute.device.type, **{name: environment[name] for name in _DECISIVE}}


def made_by(
    name: str | None, weights: str | None, described: Mapping[str, Any], protocol: Protocol, compute: Compute
) -> dict[str, Any] | None:
    """What makes a run's reconstructions, as plain data.

    Args:
        name: of the tokenizer, as it was loaded; None where that is not known.
        weights: likewise.
        described: the tokenizer's section of the result.
        protocol: of the run.
        compute: device and dtype.

    Returns:
        None where nothing tells when the code or the weights change: of a class in a file of one's own, and of a
        tokenizer that does not know the digest of its weights.
    """
    if name is None or is_custom(name):
        return None
    card = find_card(name)
    is_random = weights == "random"
    if card.has_weights and not is_random and described["weights_sha256"] is None:
        return None
    if (packages := packages_of(card)) is None:
        return None
    return {
        "version": RECONSTRUCTION_VERSION,
        "tokenizer": dict(described),
        "random": is_random,
        "packages": packages,
        "dtype": str(compute.dtype),
        "window": protocol.window,
        "quantisation": protocol.convention.quantisation,
        "storage": [protocol.reconstruction_storage, protocol.common_storage],
    }
