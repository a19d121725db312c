"""Every convention against the tool that it names, on a real clip with a float reconstruction."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pytorch_msssim import ssim as msssim_ssim
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure
from torchvision.transforms.functional import resize

from tokenbench.errors import ClipError, NotApplicable, TokenBenchError
from tokenbench.metrics import PixelScores
from tokenbench.metrics.convention_scores import ConventionScores
from tokenbench.metrics.conventions import CONVENTIONS, find_convention
from tokenbench.metrics.pixel import psnr_from_error
from tokenbench.metrics.psnr_modes import Uint8WrapScores, psnr_frame

Pair = tuple[NDArray[Any], NDArray[Any]]
Numbers = tuple[float, float]

FLOAT32_EPSILON = np.finfo(np.float32).eps
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


@pytest.fixture(scope="module")
def pair(carphone: NDArray[np.uint8]) -> Pair:
    """uint8 4 x 46 x 57 x 3, and a blurred float32 copy that has values between the levels."""
    clip = carphone[:16:4, 20:66, 50:107]
    copy = gaussian_filter(clip.astype(np.float32), (0, 1.2, 1.2, 0))
    copy[0] += np.random.default_rng(0).normal(0, 6, copy[0].shape)
    copy[1, :20] += 60
    return clip, copy.clip(0, 255).astype(np.float32)


def scored(name: str, pair: Pair) -> dict[str, float]:
    scores = ConventionScores(CONVENTIONS[name])
    scores.update(*pair)
    return scores.values()


def rounded(y: NDArray[Any]) -> NDArray[np.uint8]:
    return np.floor(y + 0.5).astype(np.uint8)


def one_mse(x: NDArray[Any], y: NDArray[Any]) -> float:
    mse = np.mean((x.astype(np.float64) - y) ** 2)
    return float(20 * np.log10(255 / (np.sqrt(mse) + FLOAT32_EPSILON)))


def skimage_psnr(x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(np.mean([peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(x, y, strict=True)]))


def skimage_ssim(x: NDArray[Any], y: NDArray[Any], data_range: float = 255, **options: Any) -> float:
    options = {"channel_axis": -1, "data_range": data_range, **options}
    pairs = zip(x.astype(np.float64), y.astype(np.float64), strict=True)
    return float(np.mean([structural_similarity(a, b, **options) for a, b in pairs]))


def paper(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return one_mse(x, rounded(y)), skimage_ssim(x, rounded(y))


def public_script_v1(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    mse = np.mean((x - rounded(y)) ** 2)
    return float(20 * np.log10(255 / (np.sqrt(mse) + FLOAT32_EPSILON))), skimage_ssim(x, rounded(y))


def frame_mean(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return skimage_psnr(x, rounded(y)), skimage_ssim(x, rounded(y))


def skimage_gaussian(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return skimage_psnr(x, rounded(y)), skimage_ssim(x, rounded(y), **WANG)


def pytorch_msssim(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return one_mse(x, rounded(y)), float(msssim_ssim(batch(x), batch(rounded(y)), data_range=255))


def torchmetrics(x: NDArray[Any], y: NDArray[Any], data_range: float | None = 1.0) -> Numbers:
    psnr, ssim = PeakSignalNoiseRatio(data_range=1.0), StructuralSimilarityIndexMeasure(data_range=data_range)
    for a, b in zip(batch(x) / 255, batch(rounded(y)) / 255, strict=True):
        psnr.update(b[None], a[None])
        ssim.update(b[None], a[None])
    return float(psnr.compute()), float(ssim.compute())


def torchmetrics_auto(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return torchmetrics(x, y, data_range=None)


def torchmetrics_1_4(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    """Up to then, the map was cropped before its mean was taken."""
    _, maps = structural_similarity_index_measure(
        batch(rounded(y)) / 255, batch(x) / 255, data_range=1.0, return_full_image=True
    )
    return torchmetrics(x, y)[0], float(maps[..., 5:-5, 5:-5].mean())


def range_2(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    a, b = x / 255, rounded(y) / 255
    return float(peak_signal_noise_ratio(a, b, data_range=2)), skimage_ssim(a, b, data_range=2)


def luma(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    a, b = rgb2ycbcr(x)[..., 0], rgb2ycbcr(rounded(y))[..., 0]
    return skimage_psnr(a, b), skimage_ssim(a, b, channel_axis=None, **WANG)


def resize_256(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    a, b = (resize(batch(side), [256]).permute(0, 2, 3, 1).numpy() for side in (x, rounded(y)))
    return one_mse(a, b), skimage_ssim(a, b)


def truncate(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return one_mse(x, y.astype(np.uint8)), skimage_ssim(x, y.astype(np.uint8))


def unquantised(x: NDArray[Any], y: NDArray[Any]) -> Numbers:
    return one_mse(x, y), skimage_ssim(x, y)


def batch(frames: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float()


# The storage of `mp4-both` is applied outside of the meter: without it, it is `paper`.
REFERENCES: dict[str, Callable[[NDArray[Any], NDArray[Any]], Numbers]] = {
    "paper": paper,
    "public-script-v1": public_script_v1,
    "frame-mean": frame_mean,
    "skimage-gaussian": skimage_gaussian,
    "pytorch-msssim": pytorch_msssim,
    "torchmetrics": torchmetrics,
    "torchmetrics-auto": torchmetrics_auto,
    "torchmetrics-1.4": torchmetrics_1_4,
    "range-2": range_2,
    "luma": luma,
    "resize-256": resize_256,
    "truncate": truncate,
    "unquantised": unquantised,
    "mp4-both": paper,
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_gives_the_numbers_of_its_tool(name: str, pair: Pair) -> None:
    psnr, ssim = REFERENCES[name](*pair)
    values = scored(name, pair)
    assert values["psnr"] == pytest.approx(psnr, abs=1e-5)
    assert values["ssim"] == pytest.approx(ssim, abs=1e-5)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_photograph_gives_the_numbers_of_its_tool(name: str, photograph: NDArray[np.uint8]) -> None:
    x = photograph[None, 100:146, 130:187]
    y = gaussian_filter(x.astype(np.float32), (0, 0.7, 0.7, 0))
    values = scored(name, (x, y))
    assert (values["psnr"], values["ssim"]) == pytest.approx(REFERENCES[name](x, y), abs=1e-5)


def test_conventions_that_differ_in_a_choice_differ_in_a_number(pair: Pair) -> None:
    numbers = {name: tuple(scored(name, pair).values()) for name in CONVENTIONS if name != "mp4-both"}
    choices: dict[Any, str] = {}
    for name, value in numbers.items():
        other = choices.setdefault(tuple(round(number, 4) for number in value), name)
        assert {name, other} in ({name}, {"pytorch-msssim", "torchmetrics-1.4"})


def test_paper_is_the_score_of_the_house(pair: Pair) -> None:
    x, y = pair[0], rounded(pair[1])
    house = PixelScores()
    house.update(x, y)
    assert scored("paper", (x, y)) == pytest.approx(house.values(), rel=1e-12)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("cuts", [(1, 2, 3), (0, 3), (2, 2, 4)])
def test_streaming_equals_the_whole_clip(name: str, pair: Pair, cuts: tuple[int, ...]) -> None:
    scores = ConventionScores(CONVENTIONS[name])
    for piece in zip(*(np.split(side, cuts) for side in pair), strict=True):
        scores.update(*piece)
    assert scores.values() == pytest.approx(scored(name, pair), rel=1e-12)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_identical_clips_score_one_and_a_finite_psnr(name: str, pair: Pair) -> None:
    values = scored(name, (pair[0], pair[0]))
    assert values["ssim"] == 1
    assert values["psnr"] == pytest.approx(192.6 if name == "range-2" else 186.6, abs=0.1)


def test_8_bit_reconstructions_are_scored_alike_whatever_the_quantisation(pair: Pair) -> None:
    x, y = pair[0], rounded(pair[1])
    whole = scored("paper", (x, y))
    assert scored("truncate", (x, y)) == whole
    assert scored("unquantised", (x, y)) == pytest.approx(whole, abs=1e-6)


def test_frames_smaller_than_the_window_have_no_value(pair: Pair) -> None:
    small = pair[0][:, :10, :40], pair[1][:, :10, :40]
    with pytest.raises(NotApplicable, match="skimage-gaussian needs at least 11 x 11 pixels, got 40 x 10"):
        scored("skimage-gaussian", small)
    assert scored("paper", small)["ssim"] < 1


def test_a_measured_range_of_nothing_has_no_value() -> None:
    black = np.zeros((1, 20, 20, 3), np.uint8)
    with pytest.raises(NotApplicable, match="torchmetrics-auto has no SSIM of frames of one level"):
        scored("torchmetrics-auto", (black, black))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, y: (x, y[:2]), ClipError, r"same shape, got 4 x 46 x 57 x 3 and 2 x 46 x 57 x 3"),
        (lambda x, y: (x[0], y[0]), TokenBenchError, "reference must have the shape T x H x W x 3, got 46 x 57 x 3"),
        (lambda x, y: (y, y), TokenBenchError, "reference must hold uint8 values"),
        (lambda x, y: (x, y.astype(np.float64)), TokenBenchError, "got float64: convert it"),
        (lambda x, y: (x, y - 300), ClipError, r"expected \[0, 255\]: clamp it first"),
        (lambda x, y: (x, y + np.float32(np.nan)), ClipError, "values from nan to nan"),
    ],
)
def test_what_cannot_be_scored_is_refused(pair: Pair, change: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        scored("paper", change(*pair))


@pytest.mark.parametrize("name", ["paper", "luma"])
def test_a_clip_has_frames_of_one_size(pair: Pair, name: str) -> None:
    scores = ConventionScores(CONVENTIONS[name])
    scores.update(*pair)
    with pytest.raises(ClipError, match="must have one size"):
        scores.update(pair[0][:, 1:], pair[1][:, 1:])


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_clip_without_frames_has_no_values(name: str) -> None:
    scores = ConventionScores(CONVENTIONS[name])
    scores.update(np.zeros((0, 20, 20, 3), np.uint8), np.zeros((0, 20, 20, 3), np.float32))
    with pytest.raises(ClipError, match="no frames to score"):
        scores.values()


levels = arrays.arrays(np.uint8, (2, 2, 5, 7, 3))


@settings(deadline=None)
@given(clips=levels)
def test_wrapped_error_is_that_of_8_bit_arithmetic(clips: NDArray[np.uint8]) -> None:
    x, y = clips
    expected = psnr_from_error(float(np.mean((x - y) ** 2)), 1)
    for kind in (np.asarray, torch.from_numpy):
        scores = Uint8WrapScores()
        scores.update(kind(x), kind(y))
        assert scores.values()["psnr-uint8wrap"] == pytest.approx(expected, rel=1e-12)


def test_wrapped_error_of_a_large_frame_does_not_overflow() -> None:
    x = np.zeros((1, 3000, 3000, 3), np.uint8)
    scores = Uint8WrapScores()
    scores.update(x, x + 15)
    assert scores.values()["psnr-uint8wrap"] == pytest.approx(20 * np.log10(255 / 15), abs=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_wrapped_error_on_cuda_is_the_same(pair: Pair) -> None:
    x, y = pair[0], rounded(pair[1])
    scores = [Uint8WrapScores(), Uint8WrapScores()]
    scores[0].update(x, y)
    scores[1].update(torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda())
    assert scores[0].values() == scores[1].values()


def test_an_array_beside_a_tensor_is_refused(pair: Pair) -> None:
    with pytest.raises(TokenBenchError, match="two arrays, or two tensors"):
        Uint8WrapScores().update(pair[0], torch.from_numpy(pair[0]))


@given(errors=st.lists(st.integers(0, 10**9), min_size=1))
def test_the_mean_of_frame_psnrs_is_never_below_the_psnr_of_one_mse(errors: list[int]) -> None:
    whole = psnr_from_error(sum(errors) / len(errors), 1000)
    assert psnr_frame(errors, 1000) >= whole - 1e-9
    assert psnr_frame([errors[0]] * 3, 1000) == pytest.approx(psnr_from_error(errors[0], 1000))


def test_frame_psnr_is_scikit_images(pair: Pair) -> None:
    x, y = pair[0], rounded(pair[1])
    errors = PixelScores().update(x, y)
    assert psnr_frame(errors, x[0].size) == pytest.approx(skimage_psnr(x, y), abs=1e-6)
    with pytest.raises(ClipError, match="no frames to score"):
        psnr_frame([], 1)


def test_conventions_are_found_by_name_and_by_label() -> None:
    assert find_convention("paper") is find_convention("paper/1") is CONVENTIONS["paper"]
    with pytest.raises(TokenBenchError, match="unknown convention 'ours': choose from paper, "):
        find_convention("ours")
    with pytest.raises(TokenBenchError, match="'paper/9' is another version than this tokenbench has: paper/1"):
        find_convention("paper/9")


def test_a_convention_says_every_choice() -> None:
    assert CONVENTIONS["range-2"].as_dict() == {
        "name": "range-2",
        "version": 1,
        "tool": "code for [-1, 1] that gets [0, 1]",
        "quantisation": "round",
        "storage": "none",
        "resize": None,
        "colour": "rgb",
        "white": 1,
        "data_range": 2,
        "psnr": "clip",
        "ssim_window": "uniform7",
        "ssim_covariance": "sample",
        "ssim_border": "crop",
    }


def test_the_catalogue_of_conventions_costs_no_torch() -> None:
    code = (
        "import sys, tokenbench.metrics.conventions, tokenbench.metrics.convention_scores;"
        "print(*{'torch', 'numba', 'scipy', 'skimage'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
