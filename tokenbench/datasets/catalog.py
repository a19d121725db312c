"""Find a data set by its name, manifest or folder."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from pathlib import Path

from tokenbench.datasets.dataset import Dataset
from tokenbench.datasets.folder import listing_sha256, read_folder
from tokenbench.datasets.manifest import read_manifest
from tokenbench.datasets.places import manifests_folder
from tokenbench.datasets.sources import SOURCES
from tokenbench.errors import TokenBenchError

# Of a built folder; a hidden one was left by a build that was killed.
_MANIFESTS = "[!.]*.toml"


def available() -> dict[str, Path]:
    """Manifests that come with TokenBench, by name."""
    return {path.stem: path for path in sorted(manifests_folder().glob("*.toml"))}


def open_dataset(name: str) -> Dataset:
    """A data set that comes with TokenBench, a manifest, a built or a raw data set, or any folder of videos and images.

    Args:
        name: of a manifest that comes with TokenBench; a .toml file; "davis:FOLDER" and the like, for one of
            `tokenbench.datasets.sources.SOURCES`; a folder: one with manifests (.toml) is all of their clips.

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
    if path.is_dir() and any(path.glob(_MANIFESTS)):
        return _built(path)
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


def _built(folder: Path) -> Dataset:
    """All sets of a build together."""
    manifests = sorted(folder.glob(_MANIFESTS))
    sets = [read_manifest(path) for path in manifests]
    if len(sets) == 1:
        return sets[0]
    clips = tuple(clip for each in sets for clip in each.clips)
    id_, count = Counter(clip.id for clip in clips).most_common(1)[0]
    if count > 1:
        raise TokenBenchError(f"{folder}: two sets have a clip {id_!r}; give one of {', '.join(map(str, manifests))}")
    digests = "".join(f"{each.manifest_sha256}  {each.name}\n" for each in sets)
    return Dataset(
        name=folder.resolve().name, clips=clips, manifest_sha256=hashlib.sha256(digests.encode()).hexdigest()
    )
