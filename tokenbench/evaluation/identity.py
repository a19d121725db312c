"""Everything that decides a reconstruction but its clip: what a store's keys and a run's fingerprint are made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenbench.custom import is_custom
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.score import RECONSTRUCTION_VERSION
from tokenbench.evaluation.windows import Compute
from tokenbench.files import sha256_of_file
from tokenbench.registry import find_card, packages_of, plugin_versions
from tokenbench.weights.digest import sha256_of_set

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
        None where nothing tells when the code or the weights change: of a class in a file of one's own, of a plug-in
        that is run from its sources, and of a tokenizer that does not know the digest of its weights.
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


def untold(name: str | None, weights: str | None, described: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a tokenizer's numbers and is not told by itself: its code, and the weights that the user named.

    Args:
        name: of the tokenizer, as it was loaded; None where that is not known.
        weights: likewise.
        described: the tokenizer's section of the result.

    Returns:
        The digest of the file of a class of one's own, without what that imports, or the version of a stranger's
        plug-in; and where the tokenizer does not know the digest of its weights, that of the file or folder, or the
        word, that was given for them.

    Raises:
        TokenBenchError: a file cannot be read.
    """
    told: dict[str, Any] = {}
    if name is not None and is_custom(name):
        told["code"] = sha256_of_file(Path(name.rpartition(":")[0]))
    elif name is not None and (plugins := plugin_versions(find_card(name))):
        told["plugins"] = plugins
    if weights is not None and described["weights_sha256"] is None:
        told["weights"] = _sha256_of(Path(weights).expanduser()) or weights
    return told


def _sha256_of(path: Path) -> str | None:
    """Of a file, or of all files below a folder; None where there is nothing."""
    if path.is_file():
        return sha256_of_file(path)
    if not path.is_dir():
        return None
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return sha256_of_set((file.relative_to(path).as_posix(), sha256_of_file(file)) for file in files)
