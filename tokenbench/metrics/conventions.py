"""Conventions: every choice that turns the same pixels into another "PSNR" and another "SSIM".

A number in a paper means little without its definition. Each convention here is a definition that public code uses,
its quirks included, under a name and a version; `paper` is the one of this harness. Costs no torch to import.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tokenbench.errors import TokenBenchError

Quantisation = Literal["round", "truncate", "none"]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """One definition of PSNR and SSIM, from a network's output to the two numbers.

    The choices are made in the order of the fields. Both sides of a pair go through all of them but the first, which
    is for a reconstruction in floating point: references have 8 bits.

    Args:
        name: unique.
        version: goes up when a choice below changes, so that equal labels mean equal numbers.
        tool: the public tool or habit that it reproduces, in words.
        quantisation: "round" is floor(x * 255 + 0.5) of x clamped to [0, 1], "truncate" leaves the 0.5 out, "none"
            scores x * 255 as it is.
        storage: "h264" writes both sides to an mp4 with mediapy's defaults and reads them back; "none" does not.
            Applied outside of meters, by `tokenbench.evaluation.stored_alike`.
        resize: pixels of the short side after torchvision's `Resize` with its defaults for tensors: bilinear with
            antialiasing, long side int(resize * long / short), values not rounded. None keeps the size.
        colour: "rgb" scores three channels; "luma" one, 16 + (65.481 R + 128.553 G + 24.966 B) / 255 (BT.601, not
            rounded).
        white: what the tool takes 255 for: 255, or 1 where it works on values in [0, 1].
        data_range: the tool's peak of PSNR, and the range in the constants of SSIM; "measured" is the largest less
            the smallest value of each frame pair, the larger side's, for SSIM, and `white` for PSNR.
        psnr: "clip" takes one MSE over all frames; "frame" the mean of each frame's PSNR; "uint8wrap" one MSE whose
            differences and squares are taken in 8 bits, with wrap-around.
        ssim_window: "uniform7" has 7 x 7 equal weights; "gaussian11" has 11 x 11 of a Gaussian of sigma 1.5.
        ssim_covariance: "sample" multiplies variances and covariance by n / (n - 1); "population" does not.
        ssim_border: "crop" takes the mean over windows that lie inside the frame; "reflect" over one a pixel, the
            frame being mirrored at its border, the edge pixel not repeated.
    """

    name: str
    version: int = 1
    tool: str
    quantisation: Quantisation = "round"
    storage: Literal["none", "h264"] = "none"
    resize: int | None = None
    colour: Literal["rgb", "luma"] = "rgb"
    white: Literal[255, 1] = 255
    data_range: float | Literal["measured"] = 255
    psnr: Literal["clip", "frame", "uint8wrap"] = "clip"
    ssim_window: Literal["uniform7", "gaussian11"] = "uniform7"
    ssim_covariance: Literal["sample", "population"] = "sample"
    ssim_border: Literal["crop", "reflect"] = "crop"

    @property
    def label(self) -> str:
        """`paper/1`."""
        return f"{self.name}/{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Every choice, for a result."""
        return asdict(self)


_ALL = (
    Convention(name="paper", tool="TokenBench's public script, as corrected"),
    Convention(name="public-script-v1", tool="the same script at first, in 8 bits", psnr="uint8wrap"),
    Convention(name="frame-mean", tool="mean of scikit-image's PSNR over frames", psnr="frame"),
    Convention(
        name="skimage-gaussian",
        tool="scikit-image set to Wang et al. 2004",
        psnr="frame",
        ssim_window="gaussian11",
        ssim_covariance="population",
    ),
    Convention(
        name="pytorch-msssim",
        tool="ssim of pytorch-msssim, which has no PSNR",
        ssim_window="gaussian11",
        ssim_covariance="population",
    ),
    Convention(
        name="torchmetrics",
        tool="torchmetrics 1.5 on, data_range=1",
        white=1,
        data_range=1,
        ssim_window="gaussian11",
        ssim_covariance="population",
        ssim_border="reflect",
    ),
    Convention(
        name="torchmetrics-auto",
        tool="torchmetrics 1.5 on, no data_range for SSIM",
        white=1,
        data_range="measured",
        ssim_window="gaussian11",
        ssim_covariance="population",
        ssim_border="reflect",
    ),
    Convention(
        name="torchmetrics-1.4",
        tool="torchmetrics to 1.4, data_range=1",
        white=1,
        data_range=1,
        ssim_window="gaussian11",
        ssim_covariance="population",
    ),
    Convention(name="range-2", tool="code for [-1, 1] that gets [0, 1]", white=1, data_range=2),
    Convention(
        name="luma",
        tool="BasicSR, test_y_channel, crop_border=0",
        colour="luma",
        psnr="frame",
        ssim_window="gaussian11",
        ssim_covariance="population",
    ),
    Convention(name="resize-256", tool="torchvision's Resize(256) before scoring", resize=256),
    Convention(name="truncate", tool="(x * 255).astype(uint8)", quantisation="truncate"),
    Convention(name="unquantised", tool="scores of floats, never rounded", quantisation="none"),
    Convention(name="mp4-both", tool="both sides as mp4 by mediapy", storage="h264"),
)

CONVENTIONS = {convention.name: convention for convention in _ALL}


def find_convention(name: str) -> Convention:
    """The convention of that name, or of that label.

    Raises:
        TokenBenchError: there is none, or it has another version.
    """
    known, slash, version = name.partition("/")
    if known not in CONVENTIONS:
        raise TokenBenchError(f"unknown convention {name!r}: choose from {', '.join(CONVENTIONS)}")
    convention = CONVENTIONS[known]
    if slash and version != str(convention.version):
        raise TokenBenchError(f"convention {name!r} is another version than this tokenbench has: {convention.label}")
    return convention
