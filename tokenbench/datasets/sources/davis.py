"""DAVIS: the fifty sequences of 2016, which the paper's tables call DAVIS, in the archives of 2016 and of 2017."""

from __future__ import annotations

from pathlib import Path

from tokenbench.datasets.sources.found import Found, first_folder, refuse_missing
from tokenbench.datasets.sources.source import Source
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip

# Of the paper; no file says so.
FPS = 24.0

# As archives name them, best first: the paper's 1080p, the originals of 2017, which are larger, and the reduced ones.
RESOLUTIONS = ("1080p", "Full-Resolution", "480p")

TRAIN_2016 = [
    "bear",
    "bmx-bumps",
    "boat",
    "breakdance-flare",
    "bus",
    "car-turn",
    "dance-jump",
    "dog-agility",
    "drift-turn",
    "elephant",
    "flamingo",
    "hike",
    "hockey",
    "horsejump-low",
    "kite-walk",
    "lucia",
    "mallard-fly",
    "mallard-water",
    "motocross-bumps",
    "motorbike",
    "paragliding",
    "rhino",
    "rollerblade",
    "scooter-gray",
    "soccerball",
    "stroller",
    "surf",
    "swing",
    "tennis",
    "train",
]
VAL_2016 = [
    "blackswan",
    "bmx-trees",
    "breakdance",
    "camel",
    "car-roundabout",
    "car-shadow",
    "cows",
    "dance-twirl",
    "dog",
    "drift-chicane",
    "drift-straight",
    "goat",
    "horsejump-high",
    "kite-surf",
    "libby",
    "motocross-jump",
    "paragliding-launch",
    "parkour",
    "scooter-black",
    "soapbox",
]


def find(root: Path) -> Found:
    """The sequences of DAVIS 2016 under a folder, at the best resolution that is there.

    Args:
        root: of an archive of 2016 or 2017, the folder that it was unpacked into, its `JPEGImages`, or one resolution
            in there. Sequences that were added in 2017 are passed over, and so are masks.

    Raises:
        TokenBenchError: the folder holds no frames of DAVIS, or none of its sequences.
    """
    refuse_missing(root)
    resolution = _resolution(root)
    if resolution is None:
        raise TokenBenchError(
            f"{root}: looks like no DAVIS: there is no JPEGImages/{' or JPEGImages/'.join(RESOLUTIONS)}; give the "
            "folder DAVIS of the unpacked archive"
        )
    names = sorted([*TRAIN_2016, *VAL_2016])
    clips = tuple(
        Clip(id=name, domain="davis", path=resolution / name, kind="video", fps=FPS)
        for name in names
        if (resolution / name).is_dir()
    )
    if not clips:
        raise TokenBenchError(
            f"{resolution}: holds none of the fifty sequences of DAVIS 2016, such as {names[0]}; unpack the archive "
            "DAVIS-data, or DAVIS-2017-trainval"
        )
    return Found(name=f"davis-{resolution.absolute().name.lower()}", clips=clips, expected=len(names))


def _resolution(root: Path) -> Path | None:
    """The folder of the frames."""
    place = root.absolute()
    if place.name in RESOLUTIONS and place.parent.name == "JPEGImages":
        return root
    images = root if place.name == "JPEGImages" else first_folder(root, ("JPEGImages", "DAVIS/JPEGImages"))
    return images and first_folder(images, RESOLUTIONS)


SOURCE = Source(
    name="davis",
    title="DAVIS: the fifty sequences of 2016, which the paper's tables call DAVIS",
    home="https://davischallenge.org",
    license="CC BY 4.0",
    find=find,
)
