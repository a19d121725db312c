"""Networks that turn frames and clips into features, against the tools that they come from."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from networks_support import SmallI3D, i3d_file, inception_file
from numpy.typing import NDArray
from pytorch_fid import inception as pytorch_fid
from torch import Tensor, nn

from tokenbench.errors import NotApplicable, TokenBenchError
from tokenbench.networks import find_network
from tokenbench.networks.load import load_network

EGYPTIAN_CAT, ESPRESSO = 285, 967


@pytest.fixture(scope="module")
def inception_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inception_file(tmp_path_factory.mktemp("inception"))


def test_inception_is_pytorch_fids(
    inception_path: Path, carphone: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.load(inception_path, weights_only=True)
    monkeypatch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *_, **__: state)
    reference = pytorch_fid.InceptionV3([3]).eval()
    frames = torch.from_numpy(carphone[:16:15])
    with torch.no_grad():
        expected = reference(frames.permute(0, 3, 1, 2) / 255)[0].squeeze((2, 3))
    network = load_network(find_network("inception-fid", inception_path))
    features = network(frames)
    assert features.shape == (2, network.features) == (2, 2048)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=0)
    assert not torch.equal(features[0], features[1])


def test_a_file_of_another_network_is_refused_by_the_tensor(inception_path: Path, tmp_path: Path) -> None:
    state = torch.load(inception_path, weights_only=True)
    name = "Mixed_7c.branch_pool.conv.weight"
    tensor = state.pop(name)
    for change, said in (
        ({}, f"it lacks {name};"),
        ({name: tensor[1:]}, f"{name} is float32 191 x 2048 x 1 x 1, expected float32 192 x 2048 x 1 x 1;"),
        ({name: tensor, "AuxLogits.fc.bias": tensor}, "it holds, and should not, AuxLogits.fc.bias;"),
        ({name: tensor.int()}, f"{name} is int32"),
    ):
        torch.save(state | change, tmp_path / "net.pth")
        with pytest.raises(TokenBenchError) as error:
            load_network(find_network("inception-fid", tmp_path / "net.pth"))
        assert f"net.pth does not fit its network: {said}" in str(error.value)
        assert "\n" not in str(error.value)


def clip(frames: int, seed: int = 0) -> Tensor:
    return torch.rand((1, 3, frames, 224, 224), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_i3d_is_the_archive_called_for_its_features(tmp_path: Path) -> None:
    path = i3d_file(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = torch.jit.load(path)
    network = load_network(find_network("i3d-kinetics400", path))
    video = clip(12)
    features = network(video)
    assert features.shape == (1, network.features) == (1, 400)
    with torch.no_grad():
        assert torch.equal(features, archive(video, rescale=False, resize=False, return_features=True))
        assert not torch.allclose(features, archive(video, rescale=False, resize=False))


def test_a_clip_that_i3d_cannot_take_has_no_features(tmp_path: Path) -> None:
    network = load_network(find_network("i3d-kinetics400", i3d_file(tmp_path)))
    with pytest.raises(NotApplicable, match=r"^the I3D network cannot take a clip of 5 frames: Calculated .*$"):
        network(clip(5))
    assert network(clip(9)).shape == (1, 400)


class CalledOtherwise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class FewFeatures(SmallI3D):
    def forward(self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False) -> Tensor:
        return x.mean(dim=[2, 3, 4])


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = i3d_file(tmp_path, network=CalledOtherwise())
    with pytest.raises(TokenBenchError, match="it takes no argument 'rescale'; name the published file"):
        load_network(find_network("i3d-kinetics400", path))
    network = load_network(find_network("i3d-kinetics400", i3d_file(tmp_path, network=FewFeatures())))
    with pytest.raises(TokenBenchError, match="gives 1 x 3 numbers for a clip, expected 1 x 400"):
        network(clip(2))
    torch.save(SmallI3D().state_dict(), path)
    with pytest.raises(TokenBenchError, match="is no TorchScript archive"):
        load_network(find_network("i3d-kinetics400", path))


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_damaged_archive_is_one_line(tmp_path: Path, kept: float) -> None:
    path = i3d_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(TokenBenchError, match="does not fit its network") as error:
        load_network(find_network("i3d-kinetics400", path))
    assert "\n" not in str(error.value)


def test_efficientnet_knows_photographs() -> None:
    network = load_network(find_network("efficientnet-lite0"))
    likely = {}
    for name in ("chelsea", "coffee", "astronaut", "rocket"):
        photograph = torch.from_numpy(getattr(skimage.data, name)())[None]
        likely[name] = network.logits(photograph).softmax(dim=1)[0].sort(descending=True)
    assert likely["chelsea"].indices[0] == EGYPTIAN_CAT
    assert {281, 282, EGYPTIAN_CAT} == set(likely["chelsea"].indices[:3].tolist()), "tabby, tiger cat, Egyptian cat"
    assert likely["coffee"].indices[0] == ESPRESSO
    assert min(likely["chelsea"].values[0], likely["coffee"].values[0]) > 0.75, "the padding is TensorFlow's"
    missile, space_shuttle = 657, 812
    assert {missile, space_shuttle} <= set(likely["rocket"].indices[:5].tolist())


def test_efficientnets_features_are_the_classifiers_input(carphone: NDArray[np.uint8]) -> None:
    network = load_network(find_network("efficientnet-lite0"))
    path = find_network("efficientnet-lite0").path
    state = torch.load(path, map_location="cpu", weights_only=True)
    frames = torch.from_numpy(carphone[:3])
    features = network(frames)
    assert features.shape == (3, network.features) == (3, 1280)
    assert features.dtype == torch.float32
    assert features.min() >= 0
    torch.testing.assert_close(features @ state["_fc.weight"].T + state["_fc.bias"], network.logits(frames))
    for index in range(3):
        torch.testing.assert_close(features[index], network(frames[index : index + 1])[0], rtol=1e-4, atol=1e-5)
