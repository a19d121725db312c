"""BDD100K: rides of forty seconds, filmed by a phone behind the windscreen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tokenbench.datasets.sources.found import Found, refuse_missing
from tokenbench.datasets.sources.source import Match, Source
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

EXPECTED = 100_000

# Prefix of the ride, suffix of the clip. Users remux the archives' .mov files to .mp4.
_NAME = re.compile(r"([0-9a-f]{8}-[0-9a-f]{8})\.(?:mov|mp4)", re.IGNORECASE)
_PHOTOGRAPH = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}\.jpg", re.IGNORECASE)


def find(root: Path) -> Found:
    """The videos under a folder, by their name, which is their order in every layout.

    Args:
        root: of the whole set, of one or several part archives, or a folder of chosen videos.

    Raises:
        TokenBenchError: the folder holds no videos of the set, or one of them twice.
    """
    refuse_missing(root)
    found: dict[str, Path] = {}
    photographs = False
    for path in (parent / name for parent, _, names in walk(root) for name in names):
        photographs = photographs or _PHOTOGRAPH.fullmatch(path.name) is not None
        if match := _NAME.fullmatch(path.name):
            other = found.setdefault(match[1].lower(), path)
            if other != path:
                raise TokenBenchError(f"{root}: {other} and {path} are the same clip; remove one of them")
    if not found:
        what = "looks like the photographs of BDD100K" if photographs else "looks like no BDD100K"
        raise TokenBenchError(
            f"{root}: {what}: there is no file such as 0000f77c-6257be58.mov; give the folder of the unpacked videos"
        )
    clips = tuple(
        Clip(id=name, domain="bdd100k", path=found[name], kind="video", source=name.partition("-")[0])
        for name in sorted(found)
    )
    return Found(name="bdd100k", clips=clips, expected=EXPECTED)


def match(found: Found, entries: Sequence[str]) -> list[Match]:
    """Entries such as "0114bdd0-f317da84.mov", whatever the split and the suffix."""
    clips = {clip.id: clip for clip in found.clips}
    stems = [entry.rpartition(".")[0].lower() for entry in entries]
    return [Match(entry, (clips[stem],) if stem in clips else ()) for entry, stem in zip(entries, stems, strict=True)]


SOURCE = Source(
    name="bdd100k",
    title="BDD100K: rides of forty seconds, filmed by a phone behind the windscreen",
    home="https://bdd-data.berkeley.edu, after registering",
    license="own licence of the University of California (education, research, not for profit)",
    find=find,
    section="BDD100K",
    match=match,
)
