"""The comment inside a media file, by which what wrote it knows it again."""

from __future__ import annotations

from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.media.image import IMAGE_SUFFIXES, open_image
from tokenbench.media.video import open_video


def read_comment(path: Path) -> str | None:
    """The comment of a video or a PNG; None where it has none, or cannot be read."""
    try:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            with open_image(path) as image:
                return image.info.get("Comment")
        with open_video(path) as video:
            tags = {name.lower(): value for name, value in video.container.metadata.items()}
            return tags.get("comment")
    except TokenBenchError:
        # A damaged file is not known.
        return None
