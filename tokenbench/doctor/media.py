"""Encoders and decoders of video and images."""

from __future__ import annotations

from collections.abc import Iterator

from tokenbench.doctor.line import Line
from tokenbench.errors import TokenBenchError

# FFmpeg's name -> what needs it.
_ENCODERS = {
    "libx264": "h264, --storage h264, pages",
    "libx265": "h265",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "ffv1": "--save-reconstructions",
}
# Pillow's name of a feature -> what needs it.
_FORMATS = {"libjpeg_turbo": "jpeg", "webp": "webp", "jpg_2000": "jpeg2000", "avif": "avif"}

_WHEEL = "pip install --force-reinstall --only-binary :all: {}"


def media() -> Iterator[Line]:
    """PyAV with its encoders, Pillow with its formats, and an ffmpeg for VMAF."""
    import av
    from PIL import Image, features

    codecs = ".".join(map(str, av.library_versions["libavcodec"]))
    yield Line("ok", "PyAV", f"{av.__version__}, libavcodec {codecs}")
    for encoder, use in _ENCODERS.items():
        there = encoder in av.codecs_available
        yield _line(there, encoder, use, _WHEEL.format("av"))
    yield Line("ok", "Pillow", Image.__version__)
    for feature, use in _FORMATS.items():
        yield _line(bool(features.check(feature)), feature, use, _WHEEL.format("pillow"))
    yield vmaf()


def vmaf(needed: bool = False) -> Line:
    """Whether VMAF can be measured."""
    from tokenbench.metrics.vmaf import find_ffmpeg

    try:
        return Line("ok", "vmaf", find_ffmpeg(), needed=needed)
    except TokenBenchError as error:
        return Line("missing", "vmaf", "no ffmpeg with libvmaf", str(error), needed=needed)


def _line(there: bool, what: str, use: str, remedy: str) -> Line:
    return Line("ok", what, f"for {use}") if there else Line("missing", what, f"for {use}", remedy)
