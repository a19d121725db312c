"""Find a data set by its name, manifest or folder."""

from __future__ import annotations

import difflib
from pathlib import Path

from tokenbench.datasets.dataset import Dataset
from tokenbench.datasets.folder import listing_sha256, read_folder
from tokenbench.datasets.manifest import read_manifest
from tokenbench.datasets.sources import SOURCES
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
    """A data set that comes with TokenBench, a manifest file, a raw data set, or any folder of videos and images.

    Args:
        name: of a manifest that comes with TokenBench; a .toml file; "davis:FOLDER" and the like, for one of
            `tokenbench.datasets.sources.SOURCES`; a folder.

    Raises:
        TokenBenchError: there is none of that name, or it cannot be read.
    """
    source, colon, folder = name.partition(":")
    if colon and source in SOURCES:
        return _raw(source, Path(folder).expanduser())
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


def _raw(source: str, folder: Path) -> Dataset:
    """A raw data set, as it lies in a folder."""
    found = SOURCES[source].find(folder)
    lacking = f"{found.name}: {len(found.clips)} of {found.expected} clips are there" if found.missing else ""
    return Dataset(
        name=found.name,
        clips=found.clips,
        manifest_sha256=listing_sha256({clip.id: clip.path for clip in found.clips}),
        note=lacking,
    )
