"""The comment inside a media file, by which what wrote it knows it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from PIL import Image

from tokenbench.media.image import IMAGE_SUFFIXES


def read_comment(path: Path) -> str | None:
    """The comment of a video or a PNG; None where it has none, or cannot be read."""
    try:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            with Image.open(path) as image:
                return image.info.get("Comment")
        container: Any = av.open(f"file:{path}", metadata_errors="replace")
        with container:
            tags = {name.lower(): value for name, value in container.metadata.items()}
            return tags.get("comment")
    except Exception:  # damaged files make both libraries raise nearly anything; such a file is not known
        return None
