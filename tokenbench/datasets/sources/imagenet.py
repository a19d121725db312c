"""ImageNet-1K val (ILSVRC 2012): 50,000 photographs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tokenbench.datasets.sources.found import Found, first_folder, refuse_missing
from tokenbench.datasets.sources.source import Source
from tokenbench.datasets.sources.tables import table_clips
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

EXPECTED = 50_000

# "ILSVRC2012_val_00000293.JPEG"; the archives of the Hugging Face hub have the class behind the number.
_NAME = re.compile(r"ILSVRC2012_val_(\d{8})(?:_n\d{8})?\.jpe?g", re.IGNORECASE)
_CLASS = re.compile(r"n\d{8}")
_PLACES = ("ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val", "val", ".")


def find(root: Path) -> Found:
    """The photographs under a folder, by their number, which is their order in every layout.

    Args:
        root: a flat folder, one with a folder a class, `ILSVRC` of the competition site, a folder that holds `val`, or
            one with parquet tables of the Hugging Face hub.

    Raises:
        TokenBenchError: the folder holds no photographs of the set, or two of one number.
    """
    refuse_missing(root)
    folder = first_folder(root, _PLACES) or root
    found: dict[str, Path] = {}
    for path in _files(folder):
        if match := _NAME.fullmatch(path.name):
            other = found.setdefault(match[1], path)
            if other != path:
                raise TokenBenchError(f"{folder}: {other} and {path} have the same number; remove one of them")
    clips = tuple(Clip(id=key, domain="imagenet", path=found[key], kind="image") for key in sorted(found))
    clips = clips or table_clips(root, _NAME, "imagenet")
    if not clips:
        raise TokenBenchError(
            f"{folder}: looks like no ImageNet val: there is no file such as ILSVRC2012_val_00000001.JPEG; unpack "
            "ILSVRC2012_img_val.tar and give its folder, or give the folder of its parquet tables"
        )
    return Found(name="imagenet-val", clips=clips, expected=EXPECTED)


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder, and of its folders that are named as classes are."""
    for parent, folders, names in walk(folder):
        folders[:] = filter(_CLASS.fullmatch, folders)
        yield from (parent / name for name in names)


SOURCE = Source(
    name="imagenet",
    title="ImageNet-1K val (ILSVRC 2012): 50,000 photographs",
    home="https://image-net.org, after registering",
    license="non-commercial research",
    find=find,
)
