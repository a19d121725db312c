"""Cards of classical codecs: a usual point of each family is listed, any other is made from its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import Card
from tokenbench_baselines.codecs.family import Family, Presets

_POINT = re.compile(r"([a-z]+)([0-9]{1,6})", re.ASCII)

_PYAV = "FFmpeg's {} through PyAV"


_X26X_PRESETS = Presets(
    option="preset",
    names=(
        *("ultrafast", "superfast", "veryfast", "faster", "fast"),
        *("medium", "slow", "slower", "veryslow", "placebo"),
    ),
    usual="medium",
)


def card(name: str) -> Card | None:
    """The card of any operating point: `h264-crf31`, `jpeg-q40`, which `jpeg-quality40` means too.

    Returns:
        None where the name belongs to no codec.

    Raises:
        TokenBenchError: the name is a family's, without a point; the point is out of range, or set by another number.
    """
    start, _, point = name.partition("-")
    family = _BY_NAME.get(start)
    if family is None:
        return None
    if not point:
        raise TokenBenchError(
            f"{name} has many operating points: name one, as {name}-{family.mark}{family.usual}, or evaluate several: "
            f"--tokenizer {name} --sweep {family.parameter}={','.join(map(str, family.sweep))}"
        )
    match = _POINT.fullmatch(point)
    if match is None:
        return None
    if match[1] not in (family.mark, family.parameter):
        raise TokenBenchError(
            f"{name}: the points of {start} differ in {family.parameter}, as {start}-{family.mark}{family.usual}"
        )
    value, (least, largest) = int(match[2]), family.range
    if not least <= value <= largest:
        raise TokenBenchError(f"{name}: {family.parameter} is {value}, expected {least} to {largest}")
    return family.point(value)


def _video(
    name: str,
    encoder: str,
    decoder: str,
    *,
    presets: Presets,
    title: str,
    options: Mapping[str, str] | None = None,
    **facts: Any,
) -> Family:
    return Family(
        name=name,
        parameter="crf",
        mark="crf",
        modality="video",
        title=f"{title} at constant quality",
        source=_PYAV.format(encoder),
        factory="tokenbench_baselines.codecs.video:VideoCodec",
        options={"encoder": encoder, "decoder": decoder, "encoder_options": options or {}, "presets": presets},
        switches={"preset": f"the encoder's {presets.option}: {', '.join(presets.names)} (usual: {presets.usual})"},
        **facts,
    )


def _image(
    name: str, format: str, feature: str, *, title: str, options: Mapping[str, Any] | None = None, **facts: Any
) -> Family:
    quality = {"parameter": "quality", "mark": "q", "range": (0, 100)}
    return Family(
        name=name,
        modality="image",
        title=f"{title}, every frame of a video alone",
        factory="tokenbench_baselines.codecs.image:ImageCodec",
        options={"format": format, "feature": feature, "save_options": options or {}},
        **(quality | facts),
    )


# Thread counts are fixed where they change the bits written; x264 repeats itself with one thread alone.
FAMILIES = [
    _video(
        "h264",
        "libx264",
        "h264",
        presets=_X26X_PRESETS,
        options={"threads": "1"},
        range=(0, 51),
        usual=23,
        sweep=(18, 23, 28, 33, 38),
        title="H.264, x264",
        license="GPL-2.0-or-later",
    ),
    _video(
        "h265",
        "libx265",
        "hevc",
        presets=_X26X_PRESETS,
        options={"x265-params": "log-level=error:frame-threads=2:pools=2"},
        range=(0, 51),
        usual=28,
        sweep=(18, 23, 28, 33, 38),
        title="H.265, x265",
        license="GPL-2.0-or-later",
    ),
    _video(
        "vp9",
        "libvpx-vp9",
        "vp9",
        presets=Presets(option="cpu-used", names=tuple("012345"), usual="2"),
        # Without a bit rate of 0 the quality would only bound the rate control.
        options={"b": "0", "deadline": "good", "row-mt": "0", "threads": "1"},
        range=(0, 63),
        usual=32,
        sweep=(18, 25, 32, 40, 48),
        title="VP9, libvpx in one pass",
        license="BSD-3-Clause",
    ),
    _video(
        "av1",
        "libsvtav1",
        "libdav1d",
        presets=Presets(option="preset", names=tuple(map(str, range(14))), usual="8"),
        # FFmpeg takes 0 for "not set", which is 35.
        range=(1, 63),
        usual=35,
        sweep=(20, 28, 35, 43, 51),
        title="AV1, SVT-AV1",
        license="BSD-3-Clause-Clear",
    ),
    _image(
        "jpeg",
        "JPEG",
        "libjpeg_turbo",
        options={"subsampling": "4:2:0"},
        range=(1, 100),
        usual=75,
        sweep=(10, 25, 50, 75, 90),
        title="JPEG 4:2:0",
        license="IJG",
        source="libjpeg-turbo through Pillow",
    ),
    _image(
        "webp",
        "WEBP",
        "webp",
        options={"method": 4},
        usual=80,
        sweep=(5, 25, 50, 80, 95),
        title="WebP, lossy, method 4",
        license="BSD-3-Clause",
        source="libwebp through Pillow",
    ),
    _image(
        "jpeg2000",
        "JPEG2000",
        "jpg_2000",
        options={"quality_mode": "rates", "irreversible": True},
        parameter="ratio",
        mark="r",
        range=(1, 1000),
        usual=20,
        sweep=(10, 20, 40, 80, 160),
        title="JPEG 2000, 9/7 wavelet, at a compression ratio to 24 bits a pixel",
        license="BSD-2-Clause",
        source="OpenJPEG through Pillow",
    ),
    _image(
        "avif",
        "AVIF",
        "avif",
        # The number of threads decides how a picture is tiled.
        options={"codec": "aom", "speed": 6, "subsampling": "4:2:0", "max_threads": 1},
        usual=60,
        sweep=(20, 40, 60, 80, 90),
        title="AVIF 4:2:0, libaom at speed 6",
        license="BSD-2-Clause",
        source="libavif and libaom through Pillow",
    ),
]

_BY_NAME = {family.name: family for family in FAMILIES}

CARDS = [family.point(family.usual) for family in FAMILIES]
