"""A data set: named clips, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass

from tokenbench.media.clip import Clip


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Clips in a fixed order.

    Args:
        name: of the manifest, or of the folder.
        clips: in the order in which they are scored.
        manifest_sha256: of the manifest file; where there is none, of its listing (names and sizes in bytes).
        note: what a user must know of it, in one line; empty where there is nothing.
    """

    name: str
    clips: tuple[Clip, ...]
    manifest_sha256: str
    note: str = ""
