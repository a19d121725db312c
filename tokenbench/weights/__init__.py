"""Weight files: where they lie or are published, what they are, and the tensors in them.

Importing this costs neither torch nor the hub's client.
"""

from tokenbench.weights.digest import sha256_of, sha256_of_files
from tokenbench.weights.local import find_weights, weights_root
from tokenbench.weights.locate import WeightFiles, locate
from tokenbench.weights.source import HubSource
from tokenbench.weights.tensors import read_tensors

__all__ = [
    "HubSource",
    "WeightFiles",
    "find_weights",
    "locate",
    "read_tensors",
    "sha256_of",
    "sha256_of_files",
    "weights_root",
]
