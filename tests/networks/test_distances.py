"""LPIPS and ST-LPIPS against the packages that they come from."""

from __future__ import annotations

import io
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import skimage.data
import torch
from networks_support import alex_trunk_file, vgg_trunk_file
from PIL import Image, ImageFilter
from torch import Tensor, nn

from tokenbench.errors import NotApplicable, TokenBenchError
from tokenbench.networks import find_network
from tokenbench.networks.load import load_network
from tokenbench.networks.stlpips import BlurPool

MAKERS = {"vgg": vgg_trunk_file, "alex": alex_trunk_file}


@pytest.fixture(scope="module", params=["vgg", "alex"])
def trunk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    """A network's name, a file of its trunk, and our LPIPS of that."""
    path = MAKERS[request.param](tmp_path_factory.mktemp("trunk"))
    return request.param, path, load_network(find_network(f"lpips-{request.param}", path))


@pytest.fixture(scope="module", params=["vgg", "alex"])
def tolerant(request: pytest.FixtureRequest) -> tuple[str, Any]:
    return request.param, load_network(find_network(f"st-lpips-{request.param}"))


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    """Two photographs' parts and the same with noise, uint8 2 x 67 x 95 x 3."""
    x = np.stack([skimage.data.astronaut()[20:87, 200:295], skimage.data.chelsea()[100:167, 100:195]])
    noise = np.random.default_rng(0).normal(0, 20, x.shape)
    return torch.from_numpy(x), torch.from_numpy((x + noise).clip(0, 255).astype(np.uint8))


def scaled(frames: Tensor) -> Tensor:
    return frames.permute(0, 3, 1, 2).double().div(127.5).sub(1).float()


def test_lpips_is_the_packages_with_the_trunk_of_the_file(
    trunk: tuple[str, Path, Any], pair: tuple[Tensor, Tensor]
) -> None:
    net, path, distance = trunk
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = torch.load(path, weights_only=True)
    for name, tensor in reference.net.state_dict().items():
        tensor.copy_(state[f"features.{name.partition('.')[2]}"])
    with torch.no_grad():
        expected = reference(*map(scaled, pair)).flatten()
    found = distance(*pair)
    assert found.shape == (2,)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert (found > 0.01).all()
    assert distance(pair[0], pair[0]).tolist() == [0, 0]


def test_frames_that_nothing_is_left_of_have_no_lpips(trunk: tuple[str, Path, Any]) -> None:
    net, _, distance = trunk
    least = {"vgg": 16, "alex": 31}[net]
    refuses_smaller_frames_only(distance, f"lpips-{net}", least)


def test_a_trunk_of_another_network_is_refused(tmp_path: Path) -> None:
    for name, path, said in (
        ("lpips-vgg", alex_trunk_file(tmp_path), "it lacks features.2.weight and"),
        ("lpips-alex", vgg_trunk_file(tmp_path), "it lacks"),
    ):
        with pytest.raises(TokenBenchError, match=f"does not fit its network: {said}"):
            load_network(find_network(name, path))


@pytest.fixture
def stlpips(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's own module; two of what it imports are not needed to compute."""
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(embed=None))
    monkeypatch.setitem(sys.modules, "torchsummary", types.SimpleNamespace(summary=None))
    return pytest.importorskip("stlpips_pytorch.stlpips")


def test_st_lpips_is_the_packages(tolerant: tuple[str, Any], pair: tuple[Tensor, Tensor], stlpips: Any) -> None:
    net, distance = tolerant
    reference = stlpips.LPIPS(net=net, variant="shift_tolerant", verbose=False)
    with torch.no_grad():
        expected = reference(*map(scaled, pair)).flatten()
    torch.testing.assert_close(distance(*pair), expected, rtol=1e-5, atol=0)


def test_st_lpips_rises_with_jpeg_and_blur(tolerant: tuple[str, Any]) -> None:
    _, distance = tolerant
    photograph = Image.fromarray(skimage.data.astronaut()[20:116, 170:266])

    def compressed(quality: int) -> Image.Image:
        buffer = io.BytesIO()
        photograph.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer)

    for versions in (
        [compressed(quality) for quality in (90, 50, 20, 5)],
        [photograph.filter(ImageFilter.GaussianBlur(sigma)) for sigma in (0.5, 1, 2, 4)],
    ):
        frames = torch.from_numpy(np.stack([np.asarray(version) for version in [photograph, *versions]]))
        distances = distance(frames[:1].expand_as(frames), frames).tolist()
        assert distances[0] == 0
        assert distances == sorted(set(distances))


def test_st_lpips_minds_a_shift_less_than_a_change(tolerant: tuple[str, Any]) -> None:
    _, distance = tolerant
    photograph = torch.from_numpy(skimage.data.chelsea())[None]
    here, shifted = photograph[:, 60:124, 120:184], photograph[:, 61:125, 121:185]
    noisy = (here.float() + torch.randn(here.shape, generator=torch.Generator().manual_seed(0)) * 20).clamp(0, 255)
    assert distance(here, shifted).item() < distance(here, noisy.to(torch.uint8)).item()


def test_frames_that_cannot_be_reflected_have_no_st_lpips(tolerant: tuple[str, Any]) -> None:
    net, distance = tolerant
    refuses_smaller_frames_only(distance, f"st-lpips-{net}", {"vgg": 18, "alex": 21}[net])


def test_blur_pool_is_the_binomial_filter_at_every_second_pixel() -> None:
    image = torch.rand(2, 3, 7, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    taps = np.outer([1, 2, 1], [1, 2, 1]) / 16
    rows, columns = range(0, 7 + 4 - 2, 2), range(0, 10 + 4 - 2, 2)
    expected = np.array(
        [
            [
                [[(plane[row : row + 3, column : column + 3] * taps).sum() for column in columns] for row in rows]
                for plane in planes
            ]
            for planes in padded
        ]
    )
    found = BlurPool(3).double()(image).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def refuses_smaller_frames_only(distance: Callable[..., Tensor], name: str, least: int) -> None:
    """And the network itself cannot take smaller ones."""
    for height, width in ((least, least), (least + 5, least)):
        frames = torch.zeros(1, height, width, 3, dtype=torch.uint8)
        assert distance(frames, frames).tolist() == [0]
    for height, width in ((least - 1, 64), (64, least - 1), (1, 1)):
        frames = torch.zeros(1, height, width, 3, dtype=torch.uint8)
        with pytest.raises(NotApplicable) as error:
            distance(frames, frames)
        assert str(error.value) == f"{name} needs frames of at least {least} x {least} pixels, got {width} x {height}"
    network: nn.Module = distance.network  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError), torch.no_grad():
        network(*[torch.zeros(1, 3, least - 1, 64)] * 2)
