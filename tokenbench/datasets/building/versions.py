"""Versions of the tools whose arithmetic decides the bytes of a built clip."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import av

import tokenbench


@cache
def versions() -> dict[str, str]:
    """By tool; of FFmpeg its three libraries that decode, scale and encode."""
    libraries = {name: ".".join(map(str, av.library_versions[name])) for name in _LIBRARIES}
    return {
        "tokenbench": tokenbench.__version__,
        "av": av.__version__,
        **libraries,
        **{name: version(name) for name in ("numpy", "pillow", "scikit-image")},
    }


_LIBRARIES = ("libavcodec", "libavformat", "libswscale")
