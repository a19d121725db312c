"""What a build would take, from the headers of its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tokenbench.datasets.building.images import image_preset
from tokenbench.datasets.building.plan import SetPlan
from tokenbench.datasets.building.preparation import frame_cap, prepared_size
from tokenbench.datasets.building.protocol import BuildProtocol
from tokenbench.errors import ClipError
from tokenbench.media.clip import Clip
from tokenbench.media.stored import stored_as

# A video whose length is not known beforehand, as in an archive.
_UNKNOWN_SECONDS = 10.0

# Bits a pixel, as seven real clips of 320 x 240 to 1280 x 720 gave them: FFV1 in yuv420p 1.3 to 6.5, H.264 at QP 28
# 0.03 to 0.13, doubling every eight steps of the quantiser; CRF 17 costs what QP 20 does.
_LOSSLESS_BITS = 4.0
_QP_28_BITS = 0.05
_CRF_BELOW_QP = 3

# Bytes a pixel of photographs, as the hundred of 1024 pixels on the long side gave them that were at hand.
_PNG_BYTES, _JPEG_BYTES = 1.7, 0.48


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of one set.

    Args:
        name: of the set.
        clips: that would be built, before anything fails.
        missing: entries of a list without a file.
        unreadable: clip -> what is wrong with its file, of the clips above.
        frames: of all videos and photographs together.
        sizes: "W x H" -> number of clips.
        bytes: on disk, roughly.
    """

    name: str
    clips: int
    missing: int
    unreadable: dict[str, str]
    frames: int
    sizes: Counter[str]
    bytes: float

    def row(self) -> list[str]:
        """As cells: set, clips, missing, unreadable, frames, sizes, disk."""
        common = ", ".join(f"{size} ({count})" for size, count in self.sizes.most_common(3))
        more = f", {len(self.sizes) - 3} more" if len(self.sizes) > 3 else ""
        numbers = [self.clips, self.missing, len(self.unreadable), self.frames]
        return [self.name, *map(str, numbers), common + more, f"{self.bytes / 1e9:.3g} GB"]


def estimate(plan: SetPlan, protocol: BuildProtocol, on_clip: Callable[[], object]) -> Estimate:
    """Look at the headers of the clips that a build would take first.

    Args:
        plan: of the set.
        protocol: of the build.
        on_clip: called for every clip.
    """
    clips = [clip for scene in plan.selection.scenes[: plan.selection.wanted] for clip in scene]
    unreadable: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    frames, total = 0, 0.0
    for clip in clips:
        try:
            count, height, width, size = _of_clip(clip.probed(), protocol)
        except ClipError as error:
            unreadable[clip.id] = str(error)
        else:
            sizes[f"{width} x {height}"] += 1
            frames += count
            total += size
        on_clip()
    return Estimate(
        name=plan.name,
        clips=len(clips),
        missing=len(plan.selection.missing),
        unreadable=unreadable,
        frames=frames,
        sizes=sizes,
        bytes=total,
    )


def _of_clip(clip: Clip, protocol: BuildProtocol) -> tuple[int, int, int, float]:
    """Frames, height, width and bytes of the result."""
    video, images = protocol.video, image_preset(protocol.images)
    if clip.kind == "image" and images.crop:
        return 1, images.crop, images.crop, images.crop**2 * _PNG_BYTES
    if clip.kind == "image":
        copied = clip.height * clip.width * _JPEG_BYTES if clip.member else float(clip.path.stat().st_size)
        return 1, clip.height, clip.width, copied
    height, width = prepared_size(video, clip.height, clip.width)
    cap = frame_cap(video, clip.fps)
    seconds = clip.end - clip.start if clip.end else 0.0
    there = clip.frames or round((seconds or _UNKNOWN_SECONDS) * clip.fps)
    frames = min(cap, there) if cap else there
    return frames, height, width, frames * height * width * _typical_bits(video.storage, height, width) / 8


def _typical_bits(storage: str, height: int, width: int) -> float:
    if storage == "lossless":
        return _LOSSLESS_BITS
    options = stored_as(storage).options_of(height, width)
    quantiser = float(options["qp"]) if "qp" in options else float(options["crf"]) + _CRF_BELOW_QP
    return _QP_28_BITS * 2 ** ((28 - quantiser) / 8)
