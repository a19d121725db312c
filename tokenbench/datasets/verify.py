"""Check a built folder against its manifests: every file's digest, and what decoding it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenbench.datasets.building.origin import source_sha256
from tokenbench.datasets.manifest import Entry, read_entries
from tokenbench.datasets.sources.source import Source
from tokenbench.engine import WorkerDied, always, local_engine
from tokenbench.errors import TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.media.clip import Clip, chunk_frames

# Container rates are fractions; manifests round them.
_RATE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Check:
    """One clip to check.

    Args:
        entry: what the manifest says of it.
        path: of its file.
        source: the clip that it was built from; None where its data set is not at hand.
    """

    entry: Entry
    path: Path
    source: Clip | None = None


def manifests_of(folder: Path) -> list[Path]:
    """The manifests of a built folder, in the order of their names.

    Raises:
        TokenBenchError: there are none.
    """
    if not folder.is_dir():
        raise TokenBenchError(f"{folder}: no such folder; give the folder of a build")
    manifests = sorted(folder.glob("[!.]*.toml"))
    if not manifests:
        raise TokenBenchError(f"{folder}: holds no manifest (.toml); give the folder of a build")
    return manifests


def verify(
    folder: Path, sources: Mapping[str, tuple[Source, Path]], workers: int, on_clip: Callable[[str, list[str]], None]
) -> int:
    """Check every clip of every manifest, and that nothing else lies there.

    Args:
        folder: of a build.
        sources: raw data sets by name, whose files are checked too.
        workers: processes.
        on_clip: called for every clip that was checked, with what is wrong, and for other files that are wrong.

    Returns:
        The number of clips.

    Raises:
        TokenBenchError: a manifest is not valid, or a data set that is given is not the one that the manifest names.
    """
    checks: list[Check] = []
    for manifest in manifests_of(folder):
        table, entries = read_entries(manifest)
        name = str(table.get("build", {}).get("source", ""))
        originals = {}
        if name in sources:
            source, root = sources[name]
            originals = {clip.id: clip for clip in source.find(root).clips}
            for entry in entries:
                if entry.id not in originals:
                    on_clip(entry.id, [f"its source is not in {root}"])
        checks += [Check(entry, folder / entry.file, originals.get(entry.id)) for entry in entries]
        known = {folder / entry.file for entry in entries}
        for path in sorted({path for parent in {path.parent for path in known} for path in parent.glob("*")} - known):
            on_clip(path.relative_to(folder).as_posix(), ["is in no manifest; remove it"])
    for check, wrong in local_engine(max(1, min(workers, len(checks)))).run(always(check_clip), checks):
        on_clip(
            check.entry.id, ["its worker process died; run fewer --workers"] if isinstance(wrong, WorkerDied) else wrong
        )
    return len(checks)


def check_clip(check: Check) -> list[str]:
    """What is wrong with a clip, a clause each; nothing where all is as the manifest says."""
    entry, path = check.entry, check.path
    wrong: list[str] = []
    try:
        if not path.is_file():
            return [f"{entry.file} is missing"]
        if (size := path.stat().st_size) != entry.bytes:
            wrong.append(f"{entry.file} has {size} bytes, the manifest says {entry.bytes}")
        elif (digest := sha256_of_file(path)) != entry.sha256:
            wrong.append(f"{entry.file} has sha256 {digest[:16]}..., the manifest says {entry.sha256[:16]}...")
        wrong += _misdescribed(entry, path)
        if check.source is not None and (stated := entry.origin.get("sha256")):
            digest = source_sha256(check.source)
            if digest != stated:
                wrong.append(
                    f"its source {check.source.content} has sha256 {digest[:16]}..., expected {stated[:16]}..."
                )
    except TokenBenchError as error:
        wrong.append(str(error))
    return wrong


def _misdescribed(entry: Entry, path: Path) -> list[str]:
    """What decoding the whole file shows to be otherwise than the manifest says."""
    clip = Clip(id=entry.id, domain=entry.domain, path=path, kind=entry.kind).probed()
    frames = sum(len(chunk) for chunk in clip.chunks(chunk_frames(clip.height, clip.width)))
    seen = {"frames": frames, "height": clip.height, "width": clip.width}
    wrong = [
        f"{entry.file}: {name} is {value}, the manifest says {getattr(entry, name)}"
        for name, value in seen.items()
        if value != getattr(entry, name)
    ]
    if abs(clip.fps - entry.fps) > _RATE_TOLERANCE:
        wrong.append(f"{entry.file}: fps is {clip.fps:g}, the manifest says {entry.fps:g}")
    return wrong
