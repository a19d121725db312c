"""How quantities are named and rounded, in every table and plot alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tokenbench.reporting.runs import Measure, TokenizerRecord

RATE = "bits_per_pixel"
NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
PARTIAL_MARK = "\N{DAGGER}"
CEILING_MARK = "\N{DOUBLE DAGGER}"
GRID = f"T{TIMES}H{TIMES}W"

MEDIA_TITLES = {"video": "Video clips", "image": "Photographs", "all": "All clips"}


@dataclass(frozen=True)
class Quantity:
    """How a metric is shown.

    Args:
        title: its name in a header.
        unit: empty where it has none.
        decimals: fixed number of them; None shows three significant digits.
        higher_is_better: None where it is not known, and then nothing is ranked by it.
    """

    title: str
    unit: str = ""
    decimals: int | None = None
    higher_is_better: bool | None = None

    @property
    def header(self) -> str:
        """Title with unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def format(self, value: float | None) -> str:
        """The value with the digits that a reader wants."""
        if value is None:
            return NOTHING
        if math.isinf(value):
            return "∞" if value > 0 else "-∞"
        return significant(value) if self.decimals is None else f"{value:.{self.decimals}f}"

    def interval(self, measure: Measure) -> str:
        """The 95 % interval, empty where there is none; for a set also its samples and their rank."""
        if measure.value is None or measure.low is None or measure.high is None:
            return ""
        of_set = "" if measure.rank is None else f" n={measure.n}, rank {measure.rank}"
        return f"[{self.format(measure.low)}, {self.format(measure.high)}]{of_set}"


_QUANTITIES = {
    "psnr": Quantity("PSNR", "dB", 2, True),
    "ssim": Quantity("SSIM", "", 4, True),
    "ms-ssim": Quantity("MS-SSIM", "", 4, True),
    "lpips": Quantity("LPIPS", "", 4, False),
    "lpips-alex": Quantity("LPIPS (Alex)", "", 4, False),
    "st-lpips-vgg": Quantity("ST-LPIPS (VGG)", "", 4, False),
    "st-lpips-alex": Quantity("ST-LPIPS (Alex)", "", 4, False),
    "vmaf": Quantity("VMAF", "", 1, True),
    "fid": Quantity("rFID", "", None, False),
    "fvd": Quantity("rFVD", "", None, False),
    "fd-efficientnet-lite0": Quantity("FD (EfficientNet-Lite0)", "", None, False),
    "kid": Quantity("rKID", "", None, False),
    "kvd": Quantity("rKVD", "", None, False),
    "psnr-frame": Quantity("PSNR of frames", "dB", 2, True),
    "psnr-uint8wrap": Quantity("PSNR, 8-bit wrap", "dB", 2, True),
    "flicker": Quantity("Flicker", "1/255", 3, False),
    "temporal-lpips": Quantity("tLPIPS (Alex)", "", 4, False),
    "warp": Quantity("Warping error (RAFT)", "", None, False),
    "warp-ilk": Quantity("Warping error (ILK)", "", None, False),
    "seam": Quantity("Seam", "dB", 2, False),
    RATE: Quantity("Bits/pixel"),
}


def quantity(name: str) -> Quantity:
    """How the metric of that name is shown; one that is not known here goes by its own name."""
    return _QUANTITIES.get(name) or Quantity(name)


def quality_names(names: Iterable[str]) -> list[str]:
    """The metrics apart from the rate: PSNR, SSIM, then the others by name."""
    order = list(_QUANTITIES)
    present = set(names) - {RATE}
    return sorted(present, key=lambda name: (order.index(name) if name in order else len(order), name))


def significant(value: float) -> str:
    """Three significant digits, zeros kept: 0.0469, 24.0, 165, 1536."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}" if value else "0"


def compression(tokenizer: TokenizerRecord) -> str:
    """Pixels per token along T, H and W; nothing for a codec, which has no grid of tokens."""
    factors = tokenizer.compression
    if factors is None or (tokenizer.kind == "codec" and factors == (1, 1, 1)):
        return NOTHING
    return TIMES.join(map(str, factors))


def millions(count: int | None) -> str:
    """Parameters in millions."""
    if not count:
        return NOTHING if count is None else "0"
    return "<0.001" if count < 1000 else significant(count / 1e6)


def media_title(media: str) -> str:
    """The heading of one kind of media."""
    return MEDIA_TITLES.get(media, media)
