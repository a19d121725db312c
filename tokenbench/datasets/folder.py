"""Any folder of videos and photographs as a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenbench.datasets.dataset import Dataset
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip, MediaKind
from tokenbench.media.image import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".y4m", ".gif"}
)


def read_folder(folder: Path) -> Dataset:
    """Every video and image under `folder`, sub-folders included, in the order of their names.

    A clip's id is its path inside the folder; its domain is the first sub-folder, or the folder's name. Files are
    told apart by their suffix, and opened only when their turn comes, so that a damaged one fails alone.

    Raises:
        TokenBenchError: the folder is missing, unreadable or holds neither videos nor images.
    """
    files = media_files(folder)
    return Dataset(
        name=folder.resolve().name,
        clips=tuple(
            Clip(id=name, domain=_domain(folder, name), path=path, kind=media_kind(path))
            for name, path in files.items()
        ),
        manifest_sha256=listing_sha256(files),
    )


def listing_sha256(files: Mapping[str, Path]) -> str:
    """What tells a data set without a manifest from others: names and sizes, of a folder of frames their sum."""
    listing = "".join(f"{name}\t{_size(path)}\n" for name, path in files.items())
    return hashlib.sha256(listing.encode()).hexdigest()


def media_files(folder: Path) -> dict[str, Path]:
    """Videos and images under `folder` by their name inside it, sorted; hidden ones are passed over.

    Raises:
        TokenBenchError: the folder is missing, unreadable or holds neither videos nor images, or a name is no UTF-8.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise TokenBenchError(f"{folder}: {what}; give a folder of videos or images")

    found: dict[str, Path] = {}
    for parent, _, names in walk(folder):
        for name in names:
            path = parent / name
            if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
                found[path.relative_to(folder).as_posix()] = path
    if not found:
        raise TokenBenchError(
            f"{folder}: holds no videos or images; give a folder of .mp4, .mkv, .png, .jpg, ... files"
        )
    _refuse_unreadable_names(folder, found)
    return dict(sorted(found.items()))


def media_kind(path: Path) -> MediaKind:
    """Whether a file is a photograph or a video, by its suffix."""
    return "image" if path.suffix.lower() in IMAGE_SUFFIXES else "video"


def _refuse_unreadable_names(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise TokenBenchError(f"{folder}: the file name {name!a} is not UTF-8; rename the file") from error


def _size(path: Path) -> int:
    """In bytes; -1 for a broken link, which fails as a clip when its turn comes."""
    try:
        return sum(map(_size, path.iterdir())) if path.is_dir() else path.stat().st_size
    except OSError:
        return -1


def _domain(folder: Path, name: str) -> str:
    first, slash, _ = name.partition("/")
    return first if slash else folder.resolve().name
