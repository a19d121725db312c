"""MS-COCO 2017 val: 5,000 photographs."""

from __future__ import annotations

import re
from pathlib import Path

from tokenbench.datasets.sources.found import Found, first_folder, refuse_missing
from tokenbench.datasets.sources.source import Source
from tokenbench.datasets.sources.tables import table_clips
from tokenbench.datasets.walk import walk
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

EXPECTED = 5000

_NAME = re.compile(r"(\d{12})\.jpg", re.IGNORECASE)
_PLACES = ("val2017", "images/val2017", "coco/val2017", "coco/images/val2017", ".")


def find(root: Path) -> Found:
    """The photographs under a folder, by their number.

    Args:
        root: `val2017`, a folder that holds it, alone or under `images` or `coco/images`, or one with parquet tables.

    Raises:
        TokenBenchError: the folder holds no photographs of the set, or those of another of COCO's sets.
    """
    refuse_missing(root)
    folder = first_folder(root, _PLACES) or root
    _, _, names = next(walk(folder))
    clips = tuple(
        Clip(id=match[1], domain="coco", path=folder / name, kind="image")
        for name in names
        if (match := _NAME.fullmatch(name))
    )
    if len(clips) > EXPECTED:
        raise TokenBenchError(
            f"{folder}: holds {len(clips)} photographs, and val2017 has {EXPECTED}: it looks like train2017 or "
            "test2017; give val2017"
        )
    clips = clips or table_clips(root, _NAME, "coco")
    if not clips:
        other = "COCO's val2014" if any(name.startswith("COCO_val2014_") for name in names) else "no val2017 of COCO"
        raise TokenBenchError(
            f"{folder}: looks like {other}: there is no file such as 000000000139.jpg; give val2017, unpacked from "
            "val2017.zip"
        )
    return Found(name="coco-val2017", clips=clips, expected=EXPECTED)


SOURCE = Source(
    name="coco",
    title="MS-COCO 2017 val: 5,000 photographs",
    home="https://cocodataset.org",
    license="annotations CC BY 4.0, photographs under the terms of Flickr",
    find=find,
)
