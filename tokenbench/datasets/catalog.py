"""Find a data set by its name, manifest or folder."""

from __future__ import annotations

import difflib
from pathlib import Path

from tokenbench.datasets.dataset import Dataset
from tokenbench.datasets.folder import read_folder
from tokenbench.datasets.manifest import read_manifest
from tokenbench.errors import TokenBenchError


def manifests_folder() -> Path:
    """Where the manifests lie: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "manifests"
    return installed if installed.is_dir() else package.parent / "manifests"


def available() -> dict[str, Path]:
    """Manifests that come with TokenBench, by name."""
    return {path.stem: path for path in sorted(manifests_folder().glob("*.toml"))}


def open_dataset(name: str) -> Dataset:
    """A data set that comes with TokenBench, a manifest file, or any folder of videos and images.

    Raises:
        TokenBenchError: there is none of that name, or it cannot be read.
    """
    manifests = available()
    if name in manifests:
        return read_manifest(manifests[name])
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return read_manifest(path)
    if path.exists():
        return read_folder(path)
    near = difflib.get_close_matches(name, manifests, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"give a folder, or one of {', '.join(manifests)}"
    raise TokenBenchError(f"no data set or folder {name!r}: {hint}")
