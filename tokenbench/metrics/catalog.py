"""Everything that can be measured, by name. Costs no torch to import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tokenbench.errors import TokenBenchError

Over = Literal["clip", "set"]
Media = Literal["any", "video", "image"]


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """What is known of a metric before anything is measured.

    Args:
        name: in results, tables and on the command line.
        definition: in words, with the reference tool; part of every result's protocol.
        unit: of its values; "1" for a pure number.
        higher_is_better: None where neither is.
        over: a value a clip, or one value of a whole set.
        media: what it applies to.
        network: the trained network that it needs, a name of `tokenbench.networks.NETWORKS`.
        beside: other metrics of a set that come out of the same features.
    """

    name: str
    definition: str
    unit: str = "1"
    higher_is_better: bool | None = False
    over: Over = "clip"
    media: Media = "any"
    network: str | None = None
    beside: tuple[str, ...] = ()


_FRECHET = (
    "|m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr sqrt(C1 C2) of float64 means and covariances (n - 1) of its features of the "
    "clips and of their reconstructions"
)
_KERNEL = (
    "squared maximum mean discrepancy, kernel (x.y / d + 1)^3, i = j left out of all terms; all pairs of up to 1000 "
    "samples, of more the mean over 100 random subsets of 1000"
)
_LPIPS = "lpips.LPIPS(net={net!r}), version 0.1, input in [-1, 1], per frame, mean over frames"
_ST_LPIPS = "ST-LPIPS ({net}, shift-tolerant, vST0.0), input in [-1, 1], per frame, mean over frames; not LPIPS"
_INCEPTION = "Inception-v3 of the original FID (pytorch-fid), pool3, 2048 features, every frame a sample; "
_I3D = (
    "I3D of Kinetics-400 (StyleGAN-V), first 300 frames, bilinear to short side 224, centre crop, 400 features a clip; "
)
_WARP = (
    "mean squared difference, on 0..1, between a reconstructed frame and the next one, warped back onto it along the "
    "reference's optical flow ({flow}), over pixels that are not occluded, not at a motion boundary and stay inside "
    "the frame (Ruder 2016); mean over frame pairs"
)

_ALL = (
    MetricInfo(
        name="psnr",
        definition=(
            "20 log10(255 / (sqrt(MSE) + float32 eps)); one MSE over all frames, pixels and channels of a clip"
        ),
        unit="dB",
        higher_is_better=True,
    ),
    MetricInfo(name="psnr-frame", definition="mean over frames of each frame's PSNR", unit="dB", higher_is_better=True),
    MetricInfo(
        name="psnr-uint8wrap",
        definition=(
            "PSNR of a mean over (x - y)^2 that is subtracted and squared in 8 bits with wrap-around, as in the first "
            "public TokenBench script; wrong, but what the public leaderboard stands on"
        ),
        unit="dB",
        higher_is_better=True,
    ),
    MetricInfo(
        name="ssim",
        definition=(
            "scikit-image structural_similarity per frame, mean over frames: data_range 255, uniform 7x7 window, "
            "sample covariance, K1 0.01, K2 0.03, mean over channels"
        ),
        higher_is_better=True,
    ),
    MetricInfo(
        name="ms-ssim",
        definition=(
            "five-scale SSIM (Wang 2003) as pytorch-msssim has it: data_range 255, Gaussian 11x11 window of sigma 1.5, "
            "mean over channels and frames"
        ),
        higher_is_better=True,
    ),
    MetricInfo(name="lpips", definition=_LPIPS.format(net="vgg"), network="lpips-vgg"),
    MetricInfo(name="lpips-alex", definition=_LPIPS.format(net="alex"), network="lpips-alex"),
    MetricInfo(name="st-lpips-vgg", definition=_ST_LPIPS.format(net="VGG-16"), network="st-lpips-vgg"),
    MetricInfo(name="st-lpips-alex", definition=_ST_LPIPS.format(net="AlexNet"), network="st-lpips-alex"),
    MetricInfo(
        name="vmaf",
        definition="VMAF of ffmpeg's libvmaf, model vmaf_v0.6.1, on 8-bit YUV 4:2:0 (BT.601), mean over frames",
        unit="VMAF",
        higher_is_better=True,
        media="video",
    ),
    MetricInfo(
        name="flicker",
        definition="mean absolute difference between the frame-to-frame changes of a clip and of its reconstruction",
        unit="1/255",
        media="video",
    ),
    MetricInfo(
        name="temporal-lpips",
        definition=(
            "mean |LPIPS(x[t], x[t+1]) - LPIPS(y[t], y[t+1])| (tLP, TecoGAN) with lpips.LPIPS(net='alex'), version 0.1"
        ),
        media="video",
        network="lpips-alex",
    ),
    MetricInfo(name="warp", definition=_WARP.format(flow="RAFT large"), media="video", network="raft-large"),
    MetricInfo(
        name="warp-ilk",
        definition=_WARP.format(
            flow="iterative Lucas-Kanade of scikit-image, radius 7, of luma reduced to a short side of 256 at most"
        ),
        media="video",
    ),
    MetricInfo(name="fid", definition=_INCEPTION + _FRECHET, over="set", network="inception-fid", beside=("kid",)),
    MetricInfo(name="kid", definition=_INCEPTION + _KERNEL, over="set", network="inception-fid", beside=("fid",)),
    MetricInfo(
        name="fvd", definition=_I3D + _FRECHET, over="set", media="video", network="i3d-kinetics400", beside=("kvd",)
    ),
    MetricInfo(
        name="kvd", definition=_I3D + _KERNEL, over="set", media="video", network="i3d-kinetics400", beside=("fvd",)
    ),
    MetricInfo(
        name="fd-efficientnet-lite0",
        definition=(
            "EfficientNet-Lite0 of ImageNet, 1280 pooled features at 224 x 224, every frame a sample; not FID; "
            + _FRECHET
        ),
        over="set",
        network="efficientnet-lite0",
    ),
    MetricInfo(
        name="seam",
        definition="PSNR of frames away from window borders less that of the frames at one",
        unit="dB",
        media="video",
    ),
    MetricInfo(
        name="bits_per_pixel",
        definition="bits of all tokens, those of padding included, over the pixels of the clip",
        unit="bit/pixel",
        higher_is_better=None,
    ),
)

METRICS = {metric.name: metric for metric in _ALL}

# What a run measures of itself, whenever it can; nobody asks for these by name.
IMPLIED = ("seam", "bits_per_pixel")

DEFAULT = ("psnr", "ssim")


def set_networks(metrics: Iterable[MetricInfo], kind: str) -> dict[str, list[MetricInfo]]:
    """The networks whose features make up sets of that kind of media, and those of the metrics that use them."""
    found: dict[str, list[MetricInfo]] = {}
    for metric in metrics:
        if metric.over == "set" and metric.network and metric.media in ("any", kind):
            found.setdefault(metric.network, []).append(metric)
    return found


def choose(names: tuple[str, ...]) -> tuple[MetricInfo, ...]:
    """The metrics of those names and what comes beside them, each once, in the catalogue's order.

    Raises:
        TokenBenchError: a name is unknown, or not one to ask for.
    """
    known = [name for name in METRICS if name not in IMPLIED]
    for name in names:
        if name not in known:
            raise TokenBenchError(f"unknown metric {name!r}: choose from {', '.join(known)}")
    wanted = {other for name in names for other in (name, *METRICS[name].beside)}
    return tuple(metric for metric in METRICS.values() if metric.name in wanted)
